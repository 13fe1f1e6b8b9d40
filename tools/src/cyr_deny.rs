//! cyr_deny: deny users access to services.
