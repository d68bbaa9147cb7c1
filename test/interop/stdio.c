/*
 * The C library's side of stdio.test.ts: does what it is told, one command a line, to streams on a pipe of packets (each
 * write(2) arrives as one), and prints what came back.
 *
 *   cc stdio.c && ./a.out < commands
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends[2];

/* What has been written since the last time, a number for each write. */
static void writes(FILE *report) {
  static char packet[1 << 20];
  ssize_t n;
  fprintf(report, "writes");
  while ((n = read(ends[0], packet, sizeof packet)) > 0) fprintf(report, " %zd", n);
  fprintf(report, "\n");
}

static char *filled(size_t length, char letter) {
  char *text = malloc(length + 1);
  memset(text, letter, length);
  text[length] = 0;
  return text;
}

int main(void) {
  char line[4096];
  FILE *report = stdout;
  FILE *out = NULL, *file = NULL;
  while (fgets(line, sizeof line, stdin) != NULL) {
    char word[32] = "", text[3000] = "";
    long a = 0, b = 0;
    line[strcspn(line, "\n")] = 0;
    sscanf(line, "%31s", word);
    char *rest = line + strlen(word) + (line[strlen(word)] == ' ');
    if (strcmp(word, "stream") == 0) {
      if (pipe2(ends, O_DIRECT | O_NONBLOCK) < 0) return 1;
      fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
      out = fdopen(ends[1], "w");
    } else if (strcmp(word, "buffer") == 0) {
      sscanf(rest, "%ld %ld", &a, &b);
      fprintf(report, "buffer %d\n", setvbuf(out, b > 0 ? malloc((size_t)b) : NULL, (int)a, (size_t)b));
    } else if (strcmp(word, "put") == 0) {
      /* put COUNT TEXT: the text COUNT times, each with one call. */
      sscanf(rest, "%ld", &a);
      char *from = strchr(rest, ' ') + 1;
      for (size_t i = 0; from[i] != 0; i++) text[i] = from[i] == '|' ? '\n' : from[i];
      for (long i = 0; i < a; i++) fputs(text, out);
      writes(report);
    } else if (strcmp(word, "block") == 0) {
      sscanf(rest, "%ld", &a);
      char *bytes = filled((size_t)a, 'b');
      fprintf(report, "block %zu ", fwrite(bytes, 1, (size_t)a, out));
      writes(report);
      free(bytes);
    } else if (strcmp(word, "flush") == 0) {
      fprintf(report, "flush %d ", fflush(out));
      writes(report);
    } else if (strcmp(word, "end") == 0) {
      /* The descriptor stays, so that the last writes can be seen. */
      int kept = dup(ends[1]);
      fprintf(report, "end %d ", fclose(out));
      writes(report);
      close(kept);
      close(ends[0]);
    } else if (strcmp(word, "file") == 0) {
      /* file MODE: the same small file again. */
      if (file != NULL) fclose(file);
      file = fopen("f", rest);
      fprintf(report, "file %s\n", file == NULL ? "no" : "yes");
    } else if (strcmp(word, "write") == 0) {
      fprintf(report, "write %d\n", fputs(rest, file) >= 0);
    } else if (strcmp(word, "gets") == 0) {
      sscanf(rest, "%ld", &a);
      char *got = fgets(text, (int)a, file);
      fprintf(report, "gets %s eof %d error %d\n", got == NULL ? "NULL" : got, feof(file) != 0, ferror(file) != 0);
    } else if (strcmp(word, "getc") == 0) {
      fprintf(report, "getc %d\n", fgetc(file));
    } else if (strcmp(word, "ungetc") == 0) {
      fprintf(report, "ungetc %d\n", ungetc(rest[0], file));
    } else if (strcmp(word, "read") == 0) {
      sscanf(rest, "%ld %ld", &a, &b);
      size_t n = fread(text, (size_t)a, (size_t)b, file);
      fprintf(report, "read %zu eof %d\n", n, feof(file) != 0);
    } else if (strcmp(word, "seek") == 0) {
      sscanf(rest, "%ld %ld", &a, &b);
      fprintf(report, "seek %d\n", fseek(file, a, (int)b));
    } else if (strcmp(word, "tell") == 0) {
      a = ftell(file);
      fprintf(report, "tell %ld at %ld\n", a, (long)lseek(fileno(file), 0, SEEK_CUR));
    } else if (strcmp(word, "fflush") == 0) {
      a = fflush(file);
      fprintf(report, "fflush %ld at %ld\n", a, (long)lseek(fileno(file), 0, SEEK_CUR));
    } else if (strcmp(word, "format-d") == 0 || strcmp(word, "format-f") == 0 || strcmp(word, "format-s") == 0) {
      /* format-X VALUE FORMAT */
      char value[512];
      sscanf(rest, "%511s", value);
      char *format = rest + strlen(value) + 1;
      if (word[7] == 'd') fprintf(report, format, strtol(value, NULL, 10));
      else if (word[7] == 'f') fprintf(report, format, strtod(value, NULL));
      else fprintf(report, format, value);
      fprintf(report, "\n");
    }
  }
  return 0;
}
