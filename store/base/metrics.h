/* store/base/metrics.h: counters, gauges and histograms, printed as Prometheus text (version 0.0.4).
 * A metric is made once, lives as long as the process, and is updated from any thread without a lock. */
#ifndef PETFOOD_STORE_BASE_METRICS_H
#define PETFOOD_STORE_BASE_METRICS_H

#include <stdint.h>

#include "store/base/str.h"

struct metric; /* opaque; never freed */

/* The same name and labels give the same metric. name: [a-z_]+, labels: "method=\"x\"" or NULL; both are copied. */
struct metric *metric_counter(const char *name, const char *labels, const char *help);
struct metric *metric_gauge(const char *name, const char *labels, const char *help);
/* Buckets in seconds: 0.5 ms to 10 s. */
struct metric *metric_histogram(const char *name, const char *labels, const char *help);

void metric_add(struct metric *metric, int64_t n);       /* counter, gauge */
void metric_set(struct metric *metric, int64_t value);   /* gauge */
void metric_observe_us(struct metric *metric, int64_t us); /* histogram */
int64_t metric_value(const struct metric *metric);       /* counter, gauge; a histogram's count */

/* Everything, in the order of creation, series of one name together. */
void metrics_print(struct strbuf *out);
/* Calls back for each sample line: name with labels, and value. */
void metrics_each(void (*fn)(void *self, const char *name, double value), void *self);

#endif
