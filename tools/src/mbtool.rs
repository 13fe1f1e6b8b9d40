//! mbtool: set internal dates and unique ids of mailboxes.
