/* Remembers what a power cut would leave: preloaded into the appliance, it looks at each fsync.
 *
 * POWER_CUT_OF is the data directory, POWER_CUT_TO where the memory goes:
 *   NAME               of each file of SQLite in the data directory, its content at its last fsync
 *   synced             a line for each other file and directory that was brought to the disk:
 *                      `file INODE`, `directory INODE PATH`, and after that `entry INODE NAME` for what is in it
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int real(const char *name, int descriptor) {
    int (*function)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return function(descriptor);
}

static void keep_content(const char *from, const char *directory) {
    char target[PATH_MAX], partial[PATH_MAX], buffer[65536];
    const char *name = strrchr(from, '/') + 1;
    ssize_t count;
    snprintf(target, sizeof target, "%s/%s", directory, name);
    snprintf(partial, sizeof partial, "%s/.%s.%d", directory, name, (int)gettid());
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (in >= 0 && out >= 0 && (count = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, count) != count) abort();
    close(in);
    close(out);
    rename(partial, target);
}

static void note(const char *path, const struct stat *found, const char *directory) {
    char log[PATH_MAX], *text;
    size_t size;
    FILE *all = open_memstream(&text, &size);
    if (S_ISDIR(found->st_mode)) {
        struct dirent *entry;
        DIR *listing = opendir(path);
        fprintf(all, "directory %lu %s\n", (unsigned long)found->st_ino, path);
        while (listing && (entry = readdir(listing)))
            fprintf(all, "entry %lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
        if (listing) closedir(listing);
    } else {
        fprintf(all, "file %lu\n", (unsigned long)found->st_ino);
    }
    fclose(all);
    snprintf(log, sizeof log, "%s/synced", directory);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (write(out, text, size) != (ssize_t)size) abort();
    close(out);
    free(text);
}

static int remembered(const char *name, int descriptor) {
    int result = real(name, descriptor);
    const char *of = getenv("POWER_CUT_OF"), *to = getenv("POWER_CUT_TO");
    char link[64], path[PATH_MAX];
    struct stat found;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (result != 0 || !of || !to || length < 0 || fstat(descriptor, &found) != 0) return result;
    path[length] = 0;
    if (strncmp(path, of, strlen(of)) != 0) return result;
    if (strstr(path, "/postroom.db"))
        keep_content(path, to);
    else
        note(path, &found, to);
    return result;
}

int fsync(int descriptor) { return remembered("fsync", descriptor); }
int fdatasync(int descriptor) { return remembered("fdatasync", descriptor); }
