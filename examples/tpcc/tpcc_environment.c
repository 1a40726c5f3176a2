/*
 * tpcc_environment.c - what a result has to say about the machine it was measured on.
 *
 * Job: ask the kernel. Leaves the engine's settings to the engine. Called by run and compare, by
 * one thread. No lock. Must always hold: what cannot be found out is left out, not guessed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tpcc_dbio.h"
#include "tpcc_environment.h"
#include "tpcc_util.h"

/* The line of mountinfo with the directory's device:
 * id parent major:minor root mountpoint options [optional...] - type source superoptions */
static void
describe_mount(const char *directory, struct tpcc_json *object)
{
    struct stat status;
    FILE *stream = fopen("/proc/self/mountinfo", "re");
    if (!stream || stat(directory, &status)) {
        if (stream)
            fclose(stream);
        return;
    }
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "%u:%u", major(status.st_dev), minor(status.st_dev));
    char line[4096];
    while (fgets(line, sizeof(line), stream)) {
        char device[32], options[512], type[64], source[256];
        char *dash = strstr(line, " - ");
        if (!dash || sscanf(line, "%*s %*s %31s %*s %*s %511s", device, options) != 2 ||
            strcmp(device, wanted) != 0 || sscanf(dash, " - %63s %255s", type, source) != 2)
            continue;
        tpcc_json_put_text(object, "file_system", type);
        tpcc_json_put_text(object, "device", source);
        tpcc_json_put_text(object, "mount_options", options);
        break;
    }
    fclose(stream);
}

struct tpcc_json *
tpcc_environment(const char *directory)
{
    struct tpcc_json *object = tpcc_json_object();
    struct utsname names;
    if (uname(&names) == 0) {
        char kernel[160];
        snprintf(kernel, sizeof(kernel), "%s %s", names.sysname, names.release);
        tpcc_json_put_text(object, "kernel", kernel);
        tpcc_json_put_text(object, "machine", names.machine);
    }
    tpcc_json_put_number(object, "processors", (double)sysconf(_SC_NPROCESSORS_ONLN));
    double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    tpcc_json_put_number(object, "memory_mb", (double)(int64_t)(bytes / 1048576));
    describe_mount(directory, object);
    tpcc_json_put_text(object, "dbio_version", tpcc_dbio_version());
    return object;
}
