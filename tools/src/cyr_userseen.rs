//! cyr_userseen: remove the seen state of users.
