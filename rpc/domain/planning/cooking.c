#include "rpc/domain/planning/cooking.h"

#include <string.h>

#include "rpc/domain/planning/dosing.h"
#include "rpc/domain/planning/food_item.h"
#include "rpc/domain/planning/naming.h"

/* How a food is prepared, by what the table says of it; the first row that fits. "" fits everything. */
static const struct preparation {
	enum food_category category;
	const char *sub_category, *state;
	struct text2 how;
} preparations[] = {
	{ FOOD_MEAT,
	  "",
	  "cooked_pan",
	  { "不放油，小火炒散至中心 74 ℃，沥去多余的油", "brown without oil until the centre reaches 74 °C, drain" } },
	{ FOOD_MEAT,
	  "",
	  "cooked_stewed",
	  { "加水小火炖 25–40 分钟，中心达到 74 ℃，去骨切碎",
	    "stew gently for 25-40 minutes to 74 °C in the centre, bone and chop" } },
	{ FOOD_MEAT,
	  "poultry",
	  "",
	  { "去皮，蒸或烤至中心 74 ℃，放至不烫手后去骨切碎",
	    "skin it, steam or roast to 74 °C in the centre, take it off the bone and chop" } },
	{ FOOD_MEAT,
	  "",
	  "",
	  { "剔去肥膘，切块蒸或烤至中心 74 ℃，放至不烫手后切碎",
	    "trim the fat, steam or roast in pieces to 74 °C in the centre, chop once it can be handled" } },
	{ FOOD_FISH, "", "canned", { "沥干汤汁，压碎", "drain and mash" } },
	{ FOOD_FISH, "shellfish", "", { "蒸煮至完全熟透，去壳切碎", "steam until cooked through, shell and chop" } },
	{ FOOD_FISH,
	  "",
	  "",
	  { "蒸或烤至中心 74 ℃，仔细挑净鱼刺后压碎",
	    "steam or bake to 74 °C in the centre, pick out every spine, flake" } },
	{ FOOD_ORGAN,
	  "liver",
	  "",
	  { "小火煮 8–10 分钟至中心 74 ℃，切成碎末", "simmer 8-10 minutes to 74 °C in the centre, mince finely" } },
	{ FOOD_ORGAN, "", "", { "洗净，小火煮至中心 74 ℃，切小丁", "rinse, simmer to 74 °C in the centre, dice" } },
	{ FOOD_EGG, "", "", { "煮 10–12 分钟至全熟，剥壳切碎", "boil 10-12 minutes until hard, peel and chop" } },
	{ FOOD_DAIRY,
	  "",
	  "",
	  { "选无糖原味，吃前直接拌入，不加热", "plain and unsweetened, stirred in unheated before serving" } },
	{ FOOD_STARCH, "tuber", "", { "去皮切块，煮到能轻易压成泥", "peel, cut and boil until it mashes easily" } },
	{ FOOD_STARCH,
	  "",
	  "dry",
	  { "加 5 倍的水煮成软糊", "cook to a soft porridge in five times its weight of water" } },
	{ FOOD_STARCH, "", "", { "多加水煮软，不放盐", "boil soft in plenty of water, no salt" } },
	{ FOOD_LEGUME, "soy", "as_is", { "沸水焯 2 分钟，压碎", "blanch for 2 minutes and crumble" } },
	{ FOOD_LEGUME,
	  "",
	  "",
	  { "提前泡发，煮到一捏即碎", "soak beforehand and boil until it crushes between the fingers" } },
	{ FOOD_VEGETABLE, "", "raw", { "洗净，切得很碎", "wash and chop very finely" } },
	{ FOOD_VEGETABLE, "", "cooked_baked", { "烤软，压成泥", "bake until soft and mash" } },
	{ FOOD_VEGETABLE, "pod", "", { "煮透 12 分钟以上，切碎", "boil through for at least 12 minutes, chop" } },
	{ FOOD_VEGETABLE, "", "", { "切小块煮软，沥干后切碎", "cut small, boil soft, drain and chop" } },
	{ FOOD_FRUIT, "", "", { "去皮去核去籽，切碎", "peel, take out core and seeds, chop" } },
	{ FOOD_SEED,
	  "yeast",
	  "",
	  { "先与主食一起煮沸 5 分钟灭活", "boil with the rest for 5 minutes to make it inactive" } },
	{ FOOD_SEED, "grain_part", "", { "与主食同煮 5 分钟", "cook along for 5 minutes" } },
	{ FOOD_SEED, "", "", { "磨碎，用少量温水浸 10 分钟", "grind and soak in a little warm water for 10 minutes" } },
	{ FOOD_OIL, "", "", { "食物放凉到 40 ℃ 以下后淋入", "pour over once the food has cooled below 40 °C" } },
};

static const char *preparation(const struct food *f, enum lang lang)
{
	for (size_t i = 0; i < COUNT(preparations); i++) {
		const struct preparation *p = &preparations[i];
		if (p->category != f->category) continue;
		if (*p->sub_category && strcmp(p->sub_category, f->sub_category) != 0) continue;
		if (*p->state && strcmp(p->state, f->state) != 0) continue;
		return text2_in(p->how, lang);
	}
	return lang == LANG_ZH ? "按量拌入" : "stir in";
}

bool cooking_stands_heat(const struct food *f)
{
	static const char *const kinds[] = { "calcium", "calcium_phosphorus", "trace_mineral", "salt",
		                             "iodine",  "electrolyte" };
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (strcmp(f->sub_category, kinds[i]) == 0) return true;
	}
	return false;
}

static bool in_main_dish(const struct food *f)
{
	bool canned = strcmp(f->state, "canned") == 0;
	return (f->category == FOOD_MEAT || f->category == FOOD_FISH || f->category == FOOD_ORGAN ||
	        f->category == FOOD_STARCH || f->category == FOOD_LEGUME) &&
	       !canned;
}

/* Shape of a dish's name, a different one each week. */
static const struct text2 bowl_names[PLAN_WEEKS] = {
	{ "烩饭", "bowl" }, { "炖锅", "stew" }, { "拌饭", "hash" }, { "煲", "casserole" }
};
static const struct text2 plain_names[PLAN_WEEKS] = {
	{ "清炖", "Gently cooked " }, { "手撕", "Pulled " }, { "细碎", "Finely chopped " }, { "蒸", "Steamed " }
};
/* Mince has no fibres to pull. */
static const struct text2 mince_names[PLAN_WEEKS] = {
	{ "清炒", "Gently browned " }, { "松软", "Crumbled " }, { "细碎", "Finely broken " }, { "滑炒", "Pan-cooked " }
};
static const struct text2 fish_names[PLAN_WEEKS] = {
	{ "清蒸", "Steamed " }, { "碎拌", "Flaked " }, { "细碎", "Finely flaked " }, { "烤", "Baked " }
};
static const struct text2 *plain_names_of(const struct food *f)
{
	if (f->category == FOOD_FISH) return fish_names;
	return str_find(str_from(f->id), STR("mince"), 0) == SIZE_MAX ? plain_names : mince_names;
}
static const struct text2 side_names[PLAN_WEEKS] = { { "营养拌菜", "vitamin topping" },
	                                             { "鲜蔬碎", "green topping" },
	                                             { "软蔬泥", "soft mash" },
	                                             { "什锦拌料", "mixed topping" } };

static void add_step(Petfood__V1__Dish *dish, struct arena *arena, struct str text)
{
	dish->steps[dish->n_steps++] = message_text(arena, text);
}

static void add_food_id(Petfood__V1__Dish *dish, struct arena *arena, const struct food *f)
{
	dish->food_ids[dish->n_food_ids++] = message_text(arena, str_from(f->id));
}

static Petfood__V1__Dish *dish_make(struct arena *arena)
{
	Petfood__V1__Dish *dish = arena_new(arena, Petfood__V1__Dish);
	petfood__v1__dish__init(dish);
	dish->steps = arena_new_array(arena, char *, RECIPE_ITEMS_MAX + 6 + DOSING_STEPS_MAX);
	dish->food_ids = arena_new_array(arena, char *, RECIPE_ITEMS_MAX);
	return dish;
}

/* "鸡腿肉 133 g（生重约 190 g）：蒸…" */
static struct str food_step(struct arena *arena, const struct food *f, double grams, enum lang lang)
{
	struct str name = food_short_name(arena, f, lang), weight = food_grams_text(arena, f, grams);
	const char *how = preparation(f, lang);
	double raw = grams * f->raw_g_per_100g / 100;
	bool has_raw = f->raw_g_per_100g > 0; /* NAN is not */
	if (lang == LANG_ZH) {
		return has_raw ? str_printf(arena, STR_FMT " " STR_FMT "（熟重，下锅前约 %.0f g）：%s。", STR_ARG(name),
		                            STR_ARG(weight), raw, how)
		               : str_printf(arena, STR_FMT " " STR_FMT "：%s。", STR_ARG(name), STR_ARG(weight), how);
	}
	return has_raw ? str_printf(arena, STR_FMT ", " STR_FMT " cooked (about %.0f g before cooking): %s.",
	                            STR_ARG(name), STR_ARG(weight), raw, how)
	               : str_printf(arena, STR_FMT ", " STR_FMT ": %s.", STR_ARG(name), STR_ARG(weight), how);
}

static void add_dosing_steps(Petfood__V1__Dish *dish, struct arena *arena, const struct assessment *a,
                             const struct recipe *recipe, bool stands_heat)
{
	struct str steps[DOSING_STEPS_MAX];
	size_t count;
	dosing_steps(arena, a, recipe, stands_heat, steps, &count);
	for (size_t i = 0; i < count; i++) add_step(dish, arena, steps[i]);
}

static Petfood__V1__Dish *main_dish(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                                    int week)
{
	enum lang lang = a->pet->lang;
	Petfood__V1__Dish *dish = dish_make(arena);
	const struct food *main_food = NULL, *starch = NULL;
	double grams = 0;

	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		if (!in_main_dish(f)) continue;
		if (!main_food && (f->category == FOOD_MEAT || f->category == FOOD_FISH)) main_food = f;
		if (!starch && f->category == FOOD_STARCH) starch = f;
		grams += recipe->items[i].grams;
		add_food_id(dish, arena, f);
	}
	if (!main_food) main_food = &food_table[recipe->items[0].food];
	struct str name = food_short_name(arena, main_food, lang);
	struct str with = starch ? food_inner_name(arena, starch, lang) : STR_NONE;
	const char *plain = text2_in(plain_names_of(main_food)[week], lang);
	if (starch && lang == LANG_ZH)
		name = str_printf(arena, STR_FMT STR_FMT "%s", STR_ARG(name), STR_ARG(with), bowl_names[week].zh);
	else if (starch)
		name =
		    str_printf(arena, STR_FMT " and " STR_FMT " %s", STR_ARG(name), STR_ARG(with), bowl_names[week].en);
	else
		name = str_printf(arena, "%s" STR_FMT, plain, STR_ARG(food_inner_name(arena, main_food, lang)));
	dish->name = message_text(arena, name);

	add_step(
	    dish, arena,
	    lang == LANG_ZH
	        ? str_printf(arena, "以下是 1 天的量（这道菜共 %.0f g）；一次做 3 天就都乘以 3。", grams)
	        : str_printf(
	              arena,
	              "Amounts are for one day (%.0f g of this dish); to cook for 3 days, take three times as much.",
	              grams));
	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		if (in_main_dish(f)) add_step(dish, arena, food_step(arena, f, recipe->items[i].grams, lang));
	}
	struct str minerals = dosing_day(arena, a, recipe, true);
	if (minerals.len) {
		add_dosing_steps(dish, arena, a, recipe, true);
		add_step(
		    dish, arena,
		    lang == LANG_ZH
		        ? str_printf(
		              arena,
		              "矿物质耐热：每天" STR_FMT
		              "。按所做天数一次称出，先与 2 勺熟食研匀，再与各天第一餐的那份整批拌匀，按天分装。",
		              STR_ARG(minerals))
		        : str_printf(
		              arena,
		              "Minerals stand heat: " STR_FMT
		              " a day. Weigh them for all the days you cook, rub them into two spoonfuls of "
		              "the food, mix that evenly into the batch for the first meals and divide it by days.",
		              STR_ARG(minerals)));
	}
	add_step(
	    dish, arena,
	    str_from(lang == LANG_ZH
	                 ? "2 小时内放凉，分装密封：4 ℃ 冷藏不超过 3 天，−18 ℃ 冷冻不超过 28 天，吃前在冷藏室解冻。"
	                 : "Cool within 2 hours and seal in daily portions: 3 days at 4 °C, 28 days at -18 °C; thaw in "
	                   "the refrigerator."));
	return dish;
}

static Petfood__V1__Dish *side_dish(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                                    int week)
{
	enum lang lang = a->pet->lang;
	Petfood__V1__Dish *dish = dish_make(arena);
	struct str first = STR_NONE, second = STR_NONE;

	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		if (in_main_dish(f) || f->category == FOOD_SUPPLEMENT) continue;
		add_food_id(dish, arena, f);
		if (f->category == FOOD_OIL) continue;
		if (!first.len)
			first = food_short_name(arena, f, lang);
		else if (!second.len)
			second = food_inner_name(arena, f, lang);
		add_step(dish, arena, food_step(arena, f, recipe->items[i].grams, lang));
	}
	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		if (f->category == FOOD_OIL) add_step(dish, arena, food_step(arena, f, recipe->items[i].grams, lang));
		if (f->category == FOOD_SUPPLEMENT) add_food_id(dish, arena, f);
	}
	if (lang == LANG_ZH) {
		dish->name = message_text(
		    arena, second.len ? str_printf(arena, STR_FMT STR_FMT "%s", STR_ARG(first), STR_ARG(second),
		                                   side_names[week].zh)
		                      : str_printf(arena, STR_FMT "%s", STR_ARG(first), side_names[week].zh));
	} else if (first.len) {
		dish->name = message_text(
		    arena, second.len ? str_printf(arena, STR_FMT " and " STR_FMT " %s", STR_ARG(first),
		                                   STR_ARG(second), side_names[week].en)
		                      : str_printf(arena, STR_FMT " %s", STR_ARG(first), side_names[week].en));
	} else {
		dish->name = message_text(arena, STR("Vitamin topping"));
	}
	struct str vitamins = dosing_day(arena, a, recipe, false);
	if (vitamins.len) {
		add_dosing_steps(dish, arena, a, recipe, false);
		add_step(
		    dish, arena,
		    lang == LANG_ZH
		        ? str_printf(arena, "怕热的补充剂：每天" STR_FMT "，等食物凉到 40 ℃ 以下，当天拌入第一餐。",
		                     STR_ARG(vitamins))
		        : str_printf(arena,
		                     "What heat would spoil: " STR_FMT
		                     " a day, stirred into the first meal of the day once the food is below 40 °C.",
		                     STR_ARG(vitamins)));
	}
	add_step(
	    dish, arena,
	    str_from(lang == LANG_ZH
	                 ? "与主菜拌匀后按餐分开，让每一口都一样，免得挑食。"
	                 : "Mix with the main dish before dividing it into meals, so that nothing can be picked out."));
	if (dish->n_food_ids == 0) add_food_id(dish, arena, &food_table[recipe->items[0].food]);
	return dish;
}

void cooking_dishes(struct arena *arena, const struct assessment *a, const struct recipe *recipe, int week_index,
                    Petfood__V1__WeeklyDietPlan *week)
{
	week->dishes = arena_new_array(arena, Petfood__V1__Dish *, 2);
	week->dishes[week->n_dishes++] = main_dish(arena, a, recipe, week_index);
	week->dishes[week->n_dishes++] = side_dish(arena, a, recipe, week_index);
}

struct str cooking_method(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                          const struct recipe_item *portions, size_t count, bool first)
{
	enum lang lang = a->pet->lang;
	double grams = 0;
	struct strbuf text, list;
	size_t named = 0;

	strbuf_init(&text, arena);
	strbuf_init(&list, arena);
	for (size_t i = 0; i < count; i++) {
		const struct food *f = &food_table[portions[i].food];
		if (f->category == FOOD_SUPPLEMENT) continue;
		grams += portions[i].grams;
		if (named++ >= 4) continue;
		if (list.len) strbuf_add_cstr(&list, lang == LANG_ZH ? "、" : ", ");
		strbuf_add_str(&list, food_inner_name(arena, f, lang));
		strbuf_add_char(&list, ' ');
		strbuf_add_str(&list, food_grams_text(arena, f, portions[i].grams));
	}
	struct str foods = strbuf_str(&list);
	if (lang == LANG_ZH) {
		strbuf_printf(&text,
		              "取做好的本餐份 %.0f g（" STR_FMT "%s），隔水温到 38 ℃ 左右，搅匀，无需再加盐或调味。",
		              grams, STR_ARG(foods), named > 4 ? " 等" : "");
	} else {
		strbuf_printf(&text,
		              "Take this meal's %.0f g of the cooked batch (" STR_FMT
		              "%s), warm it in a water bath to about 38 °C "
		              "and stir; no salt or seasoning is added.",
		              grams, STR_ARG(foods), named > 4 ? " and the rest" : "");
	}
	if (first) {
		struct str heat = dosing_day(arena, a, recipe, true);
		struct str cool = dosing_day(arena, a, recipe, false);
		if (heat.len && lang == LANG_ZH)
			strbuf_printf(&text, "这一餐含当天的矿物质：" STR_FMT "。", STR_ARG(heat));
		else if (heat.len)
			strbuf_printf(&text, " This meal holds the day's minerals: " STR_FMT ".", STR_ARG(heat));
		if (cool.len && lang == LANG_ZH)
			strbuf_printf(&text, "凉到 40 ℃ 以下再拌入：" STR_FMT "。", STR_ARG(cool));
		else if (cool.len)
			strbuf_printf(&text, " Below 40 °C stir in: " STR_FMT ".", STR_ARG(cool));
	}
	return strbuf_str(&text);
}
