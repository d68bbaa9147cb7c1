/*
 * Answers the questions of names.test.ts with the machine's C library: a line of words in, a line out. Words are parted by
 * tabs; `-` is a null pointer, `''` an empty string.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *word(char *text) {
  if (text == NULL || strcmp(text, "-") == 0) return NULL;
  return strcmp(text, "''") == 0 ? "" : text;
}

static int number(char *text) {
  return text == NULL ? 0 : (int)strtol(text, NULL, 10);
}

static void print_address(const struct sockaddr *address) {
  char text[INET6_ADDRSTRLEN];
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    printf("%s:%d", inet_ntop(AF_INET, &in->sin_addr, text, sizeof text), ntohs(in->sin_port));
    return;
  }
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
  char name[IF_NAMESIZE] = "";
  printf("[%s", inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text));
  if (in6->sin6_scope_id != 0) {
    if (if_indextoname(in6->sin6_scope_id, name) != NULL) printf("%%%s", name);
    else printf("%%%u", in6->sin6_scope_id);
  }
  printf("]:%d", ntohs(in6->sin6_port));
}

static void getaddrinfo_line(char **words) {
  struct addrinfo hints = {0}, *list = NULL;
  const char *node = word(words[1]), *service = word(words[2]);
  int has_hints = word(words[3]) != NULL;
  if (has_hints) {
    hints.ai_flags = number(words[3]);
    hints.ai_family = number(words[4]);
    hints.ai_socktype = number(words[5]);
    hints.ai_protocol = number(words[6]);
  }
  int error = getaddrinfo(node, service, has_hints ? &hints : NULL, &list);
  if (error != 0) {
    printf("error %d\n", error);
    return;
  }
  for (struct addrinfo *each = list; each != NULL; each = each->ai_next) {
    printf("%s%d/%d/%d ", each == list ? "" : " ", each->ai_family, each->ai_socktype, each->ai_protocol);
    print_address(each->ai_addr);
    if (each->ai_canonname != NULL) printf(" (%s)", each->ai_canonname);
  }
  printf("\n");
  freeaddrinfo(list);
}

static void getnameinfo_line(char **words) {
  struct sockaddr_storage storage = {0};
  socklen_t length = sizeof(struct sockaddr_in);
  if (strchr(words[1], ':') != NULL) {
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(number(words[2]));
    char *percent = strchr(words[1], '%');
    if (percent != NULL) {
      *percent = '\0';
      unsigned index = if_nametoindex(percent + 1);
      in6->sin6_scope_id = index != 0 ? index : (unsigned)number(percent + 1);
    }
    inet_pton(AF_INET6, words[1], &in6->sin6_addr);
    length = sizeof *in6;
  } else {
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    in->sin_family = AF_INET;
    in->sin_port = htons(number(words[2]));
    inet_pton(AF_INET, words[1], &in->sin_addr);
  }
  char host[NI_MAXHOST], service[NI_MAXSERV];
  int error = getnameinfo((struct sockaddr *)&storage, length, host, sizeof host, service, sizeof service, number(words[3]));
  if (error != 0) printf("error %d\n", error);
  else printf("%s %s\n", host, service);
}

static void print_entry(const char *name, char **aliases, int value, const char *proto) {
  printf("%s %d %s", name, value, proto);
  for (; *aliases != NULL; aliases++) printf(" %s", *aliases);
  printf("\n");
}

int main(void) {
  char line[4096];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *words[8] = {0};
    int count = 0;
    for (char *rest = line; rest != NULL && count < 8;) words[count++] = strsep(&rest, "\t");
    struct servent *service = NULL;
    struct protoent *protocol = NULL;
    if (strcmp(words[0], "getaddrinfo") == 0) {
      getaddrinfo_line(words);
      continue;
    }
    if (strcmp(words[0], "getnameinfo") == 0) {
      getnameinfo_line(words);
      continue;
    }
    if (strcmp(words[0], "gai_strerror") == 0) {
      printf("%s\n", gai_strerror(number(words[1])));
      continue;
    }
    if (strcmp(words[0], "if_nametoindex") == 0) {
      char name[IF_NAMESIZE];
      unsigned index = if_nametoindex(words[1]);
      printf("%s\n", index != 0 && if_indextoname(index, name) != NULL ? name : "none");
      continue;
    }
    if (strcmp(words[0], "getservbyname") == 0) service = getservbyname(word(words[1]), word(words[2]));
    else if (strcmp(words[0], "getservbyport") == 0) service = getservbyport(htons(number(words[1])), word(words[2]));
    else if (strcmp(words[0], "getprotobyname") == 0) protocol = getprotobyname(word(words[1]));
    else protocol = getprotobynumber(number(words[1]));
    if (service != NULL) print_entry(service->s_name, service->s_aliases, ntohs(service->s_port), service->s_proto);
    else if (protocol != NULL) print_entry(protocol->p_name, protocol->p_aliases, protocol->p_proto, "-");
    else printf("none\n");
  }
  return 0;
}
