// Do the user. attributes work by path, link and descriptor, and is everything else refused?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/xattr.h>

int main(void)
{
    char value[100], names[1000];
    int fd = open("xattr.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    symlink("xattr.tmp", "xattr.link");
    if (setxattr("xattr.tmp", "user.one", "1234", 4, 0) && errno == EOPNOTSUPP) {
        printf("the file system has no attributes\n");
        unlink("xattr.tmp");
        unlink("xattr.link");
        return 0;
    }
    CHECK(getxattr("xattr.tmp", "user.one", value, sizeof value) == 4 && !memcmp(value, "1234", 4));
    CHECK(getxattr("xattr.link", "user.one", value, 0) == 4);
    CHECK(fgetxattr(fd, "user.one", value, sizeof value) == 4);
    CHECK_ERROR(getxattr("xattr.tmp", "user.one", value, 3), ERANGE);
    CHECK_ERROR(getxattr("xattr.tmp", "user.two", value, 3), ENODATA);
    CHECK_ERROR(setxattr("xattr.tmp", "user.one", "x", 1, XATTR_CREATE), EEXIST);
    CHECK_ERROR(setxattr("xattr.tmp", "user.two", "x", 1, XATTR_REPLACE), ENODATA);
    CHECK_ERROR(setxattr("xattr.tmp", "user.two", "x", 1, 4), EINVAL);
    CHECK(fsetxattr(fd, "user.two", "", 0, 0) == 0);
    ssize_t n = listxattr("xattr.tmp", names, sizeof names);
    CHECK(n == 18 && memmem(names, (size_t)n, "user.one", 9) && memmem(names, (size_t)n, "user.two", 9));
    CHECK(flistxattr(fd, NULL, 0) == 18);
    CHECK_ERROR(listxattr("xattr.tmp", names, 5), ERANGE);
    CHECK(llistxattr("xattr.link", names, sizeof names) >= 0);
    CHECK_ERROR(lsetxattr("xattr.link", "user.one", "x", 1, 0), EPERM);
    CHECK(removexattr("xattr.tmp", "user.one") == 0);
    CHECK_ERROR(removexattr("xattr.tmp", "user.one"), ENODATA);
    CHECK(fremovexattr(fd, "user.two") == 0);
    CHECK_ERROR(getxattr("no-such-file", "user.one", value, 10), ENOENT);
    CHECK_ERROR(fgetxattr(99, "user.one", value, 10), EBADF);
    CHECK_ERROR(getxattr("xattr.tmp", "nonsense", value, 10), EOPNOTSUPP);
    CHECK_ERROR(getxattr("xattr.tmp", "", value, 10), ERANGE);
    CHECK_ERROR(getxattr("xattr.tmp", BAD, value, 10), EFAULT);
    CHECK_ERROR(getxattr(BAD, "user.one", value, 10), EFAULT);
    unlink("xattr.tmp");
    unlink("xattr.link");
    return check_done();
}
