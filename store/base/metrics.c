#include "store/base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 14 };
static const int64_t bucket_us[BUCKETS] = { 500,    1000,   2500,   5000,    10000,   25000,   50000,
	                                    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000 };

enum kind { COUNTER, GAUGE, HISTOGRAM };
struct metric {
	struct metric *next;
	enum kind kind;
	char *name, *labels, *help;
	atomic_llong value; /* a histogram's count */
	atomic_llong sum_us;
	atomic_llong buckets[BUCKETS];
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *registry_head;

static char *copy(const char *s)
{
	char *c = strdup(s ? s : "");
	if (!c) die("out of memory");
	return c;
}

static struct metric *find_or_make(enum kind kind, const char *name, const char *labels, const char *help)
{
	pthread_mutex_lock(&registry_lock);
	/* Series of one name stay together: Prometheus wants them in one block. */
	struct metric **at = &registry_head, **insert = NULL;
	struct metric *found = NULL;
	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->name, name) != 0) continue;
		if (strcmp((*at)->labels, labels ? labels : "") == 0) {
			found = *at;
			break;
		}
		insert = &(*at)->next;
	}
	if (!found) {
		found = calloc(1, sizeof *found);
		if (!found) die("out of memory");
		found->kind = kind;
		found->name = copy(name);
		found->labels = copy(labels);
		found->help = copy(help);
		if (!insert) insert = at;
		found->next = *insert;
		*insert = found;
	}
	pthread_mutex_unlock(&registry_lock);
	return found;
}

struct metric *metric_counter(const char *name, const char *labels, const char *help)
{
	return find_or_make(COUNTER, name, labels, help);
}
struct metric *metric_gauge(const char *name, const char *labels, const char *help)
{
	return find_or_make(GAUGE, name, labels, help);
}
struct metric *metric_histogram(const char *name, const char *labels, const char *help)
{
	return find_or_make(HISTOGRAM, name, labels, help);
}

void metric_add(struct metric *m, int64_t n) { atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed); }
void metric_set(struct metric *m, int64_t v) { atomic_store_explicit(&m->value, v, memory_order_relaxed); }
int64_t metric_value(const struct metric *m) { return atomic_load_explicit(&m->value, memory_order_relaxed); }

void metric_observe_us(struct metric *m, int64_t us)
{
	atomic_fetch_add_explicit(&m->value, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->sum_us, us, memory_order_relaxed);
	for (size_t i = 0; i < BUCKETS; i++)
		if (us <= bucket_us[i]) {
			atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
			break;
		}
}

static void each_sample(const struct metric *m, void (*fn)(void *, const char *, double), void *self)
{
	char name[512];
	const char *open = m->labels[0] ? "{" : "", *close = m->labels[0] ? "}" : "";
	if (m->kind != HISTOGRAM) {
		(void)snprintf(name, sizeof name, "%s%s%s%s", m->name, open, m->labels, close);
		fn(self, name, (double)metric_value(m));
		return;
	}
	int64_t below = 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		below += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
		(void)snprintf(name, sizeof name, "%s_bucket{%s%sle=\"%g\"}", m->name, m->labels, m->labels[0] ? "," : "",
		               (double)bucket_us[i] / 1e6);
		fn(self, name, (double)below);
	}
	(void)snprintf(name, sizeof name, "%s_bucket{%s%sle=\"+Inf\"}", m->name, m->labels, m->labels[0] ? "," : "");
	fn(self, name, (double)metric_value(m));
	(void)snprintf(name, sizeof name, "%s_sum%s%s%s", m->name, open, m->labels, close);
	fn(self, name, (double)atomic_load_explicit(&m->sum_us, memory_order_relaxed) / 1e6);
	(void)snprintf(name, sizeof name, "%s_count%s%s%s", m->name, open, m->labels, close);
	fn(self, name, (double)metric_value(m));
}

void metrics_each(void (*fn)(void *self, const char *name, double value), void *self)
{
	pthread_mutex_lock(&registry_lock);
	for (const struct metric *m = registry_head; m; m = m->next) each_sample(m, fn, self);
	pthread_mutex_unlock(&registry_lock);
}

static void print_sample(void *self, const char *name, double value)
{
	strbuf_printf(self, "%s %.15g\n", name, value);
}

void metrics_print(struct strbuf *out)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	pthread_mutex_lock(&registry_lock);
	const char *last = "";
	for (const struct metric *m = registry_head; m; m = m->next) {
		if (strcmp(last, m->name) != 0)
			strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
		last = m->name;
		each_sample(m, print_sample, out);
	}
	pthread_mutex_unlock(&registry_lock);
}
