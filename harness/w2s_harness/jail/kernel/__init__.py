"""The kernel's own means: namespaces, Landlock, seccomp, limits."""
