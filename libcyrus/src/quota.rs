//! Quota limits, and what the audit log says of them.

use cyrus_base::config::Opt;
use cyrus_base::log;
use cyrus_store::quota::Quota;
use cyrus_store::{Catalog, QuotaSet, Resource, Result, Store};
use cyrus_util::mboxname::MboxName;
use std::sync::Arc;

const NAMES: [(Resource, &str); 4] = [
    (Resource::Storage, "STORAGE"),
    (Resource::Message, "MESSAGE"),
    (Resource::AnnotationStorage, "X-ANNOTATION-STORAGE"),
    (Resource::NumFolders, "X-NUM-FOLDERS"),
];

/// Gives a root the limits of `wanted`; `force` makes one where no mailbox is. The caller holds the owner's lock.
///
/// # Errors
/// As [`Catalog::set_quota_limits`].
pub fn set_quota_limits(
    catalog: &Catalog,
    store: &Arc<Store>,
    root: &MboxName,
    wanted: &Quota,
    force: bool,
) -> Result<()> {
    let set = catalog.set_quota_limits(store, root, wanted, force)?;
    if !catalog.config().switch(Opt::Auditlog) {
        return Ok(());
    }
    let limit = |quota: &Quota, resource| quota.resource(resource).limit.unwrap_or(-1);
    match set {
        QuotaSet::Unchanged => {}
        QuotaSet::Changed(old) => {
            let items = NAMES.map(|(r, name)| (name, limit(&old, r), limit(wanted, r)));
            log::audit_setquota(root.as_bytes(), &items);
        }
        QuotaSet::Made => {
            let items = NAMES.map(|(r, name)| (name, limit(wanted, r)));
            log::audit_newquota(root.as_bytes(), &items);
        }
    }
    Ok(())
}
