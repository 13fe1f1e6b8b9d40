//! cyr_ls: list mailboxes like a directory.
