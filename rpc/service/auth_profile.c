/* AuthService: the caller's account as they see it. */
#include <petfood/accessors.h>

#include "rpc/service/auth.h"

#define DAY_US (INT64_C(24) * 3600 * 1000000)

bool auth_service_get_me(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)request;
	struct user user;
	if (!caller_load(call, &user, err)) return false;
	user_to_message(call, &user, reply);
	return true;
}

bool auth_service_update_profile(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__UpdateProfileRequest *req = request;
	const struct user_store *users = users_of(call);
	struct user user;
	if (!caller_load(call, &user, err)) return false;
	struct str nickname = petfood_v1_update_profile_request_has_nickname(req)
	                          ? str_from(petfood_v1_update_profile_request_nickname_or(req, ""))
	                          : STR_NONE;
	struct str phone = petfood_v1_update_profile_request_has_phone(req)
	                       ? str_from(petfood_v1_update_profile_request_phone_or(req, ""))
	                       : STR_NONE;
	if (!users->driver->update_profile(users->self, user.id, nickname, phone, clock_now_us(call->clock),
	                                   call->arena, &user, err))
		return false;
	user_to_message(call, &user, reply);
	return true;
}

bool auth_service_get_subscription(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)request;
	Petfood__V1__Subscription *out = reply;
	struct user user;
	if (!caller_load(call, &user, err)) return false;
	int64_t left_us = user.subscription_expired_at_us - clock_now_us(call->clock);
	out->is_pro = user.is_pro;
	if (user.plan_type.ptr) petfood_v1_subscription_set_plan_type(out, text_in(call, user.plan_type));
	out->subscription_expired_at = json_timestamp(call->arena, user.subscription_expired_at_us);
	if (user.subscription_expired_at_us == 0) return true;
	out->is_expired = left_us <= 0;
	petfood_v1_subscription_set_days_remaining(out, left_us > 0 ? left_us / DAY_US : 0);
	return true;
}
