/* How a task's events look while they come: a bar on a terminal, plain lines in a pipe, JSON with --json. */
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "tools/petfood/cli.h"

enum { BAR_COLUMNS = 30 };

void progress_view_init(struct progress_view *view, FILE *out, bool json)
{
	*view = (struct progress_view){ .out = out, .terminal = isatty(fileno(out)) == 1, .json = json, .attempt = 1 };
}

static void draw_bar(struct progress_view *view, struct str text)
{
	int filled = view->percent * BAR_COLUMNS / 100;
	(void)fprintf(view->out, "\r\033[K[");
	for (int i = 0; i < BAR_COLUMNS; i++) (void)fputs(i < filled ? "█" : "·", view->out);
	(void)fprintf(view->out, "] %3d %%  ", view->percent);
	int width = text_columns(text);
	print_padded(view->out, text, width < 70 ? width : 70);
	(void)fflush(view->out);
	view->bar_drawn = true;
}

struct str progress_view_event(struct progress_view *view, struct arena *arena, uint64_t number, struct str data)
{
	json_t *root = json_loadb(data.ptr, data.len, 0, NULL);
	const char *type = json_string_value(json_object_get(root, "type"));
	const char *message = json_string_value(json_object_get(root, "message"));
	const char *error = json_string_value(json_object_get(root, "error"));
	json_t *progress = json_object_get(root, "progress");
	json_t *attempt = json_object_get(json_object_get(root, "detail"), "attempt");
	if (json_is_integer(progress)) view->percent = (int)json_integer_value(progress);
	if (json_is_integer(attempt) && json_integer_value(attempt) > view->attempt) view->attempt = (int)json_integer_value(attempt);
	struct str out = str_dup(arena, str_from(type ? type : ""));
	struct str text = str_dup(arena, str_from(error ? error : message ? message : out.ptr));
	for (size_t i = 0; i < text.len; i++) /* one line each, however long the advice */
		if (text.ptr[i] == '\n') text.len = i;
	json_decref(root);
	if (view->json) {
		(void)fprintf(view->out, "{\"id\":%llu,\"data\":" STR_FMT "}\n", (unsigned long long)number, STR_ARG(data));
	} else if (view->terminal) {
		draw_bar(view, text);
	} else {
		(void)fprintf(view->out, "%4llu %3d %%  %-22s ", (unsigned long long)number, view->percent, out.ptr);
		int width = text_columns(text);
		print_padded(view->out, text, width < 100 ? width : 100);
		(void)fprintf(view->out, "\n");
	}
	(void)fflush(view->out);
	return out;
}

void progress_view_end(struct progress_view *view)
{
	if (view->bar_drawn) (void)fprintf(view->out, "\n");
	view->bar_drawn = false;
	(void)fflush(view->out);
}
