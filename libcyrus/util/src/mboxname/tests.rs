use super::*;

#[test]
fn names_go_to_the_database_form_and_back() {
    let rules = NameRules::default();
    for (internal, db) in [
        ("user.j^doe.Box", "user\x1fj.doe\x1fBox"),
        ("ex.org!user.ed", "ex.org\x1duser\x1fed"),
        ("DELETED.user.x.6B034286", "DELETED\x1fuser\x1fx\x1f6B034286"),
        ("ex.org!DELETED.user.x.a.6B034286", "ex.org\x1dDELETED\x1fuser\x1fx\x1fa\x1f6B034286"),
        ("shared.a^b", "shared\x1fa.b"),
    ] {
        let name = MboxName::from(internal);
        assert_eq!(name.to_db(&rules), db.as_bytes(), "{internal}");
        assert_eq!(MboxName::from_db(db.as_bytes(), &rules), name, "{internal}");
    }
}

#[test]
fn owners_and_parents_are_found() {
    let rules = NameRules::default();
    let owner =
        |name: &str| MboxName::from(name).owner(&rules).map(|id| String::from_utf8_lossy(&id).into_owned());
    assert_eq!(owner("user.j^doe.Box").as_deref(), Some("j.doe"));
    assert_eq!(owner("ex.org!user.ed").as_deref(), Some("ed@ex.org"));
    assert_eq!(owner("internal!user.ed").as_deref(), Some("ed"));
    assert_eq!(owner("DELETED.user.x.6B034286").as_deref(), Some("x"));
    assert_eq!(owner("shared.x"), None);
    assert_eq!(owner("user"), None);
    let parent = |name: &str| MboxName::from(name).parent().map(|name| name.to_string());
    assert_eq!(parent("user.ann.x").as_deref(), Some("user.ann"));
    assert_eq!(parent("user.ann").as_deref(), Some("user"));
    assert_eq!(parent("user"), None);
    assert_eq!(parent("shared").as_deref(), Some(""));
    assert_eq!(parent("ex.org!shared").as_deref(), Some("ex.org!"));
    assert_eq!(parent("ex.org!").as_deref(), Some(""));
    assert_eq!(parent(""), None);
}

#[test]
fn directories_by_name_are_hashed_by_their_second_component() {
    let rules = NameRules::default();
    let dir = |name: &str, hashed| {
        String::from_utf8(MboxName::from(name).legacy_dir(hashed, DirHash::FirstLetter, &rules)).unwrap()
    };
    assert_eq!(dir("user.ann.x", false), "/user/ann/x");
    assert_eq!(dir("user.ann.x", true), "/a/user/ann/x");
    assert_eq!(dir("shared", true), "/s/shared");
    assert_eq!(dir("ex.org!user.j^doe", true), "/domain/e/ex.org/j/user/j^doe");
    assert_eq!(dir("DELETED.user.x.6B034286", true), "/u/DELETED/user/x/6B034286");
}

#[test]
fn any_bytes_make_a_name_without_panic_and_the_forms_settle() {
    let mut random = fastrand::Rng::with_seed(11);
    let rules = NameRules::default();
    for _ in 0..5000 {
        let alphabet = b"user.!^ann.DELETED.\x1f\x1d@INBOX/\xff6A";
        let name = (0..random.usize(..24))
            .map(|_| alphabet.get(random.usize(..alphabet.len())).copied().unwrap_or(0));
        let name = MboxName::new(name.collect::<Vec<_>>());
        let once = name.parts(&rules).to_name(&rules);
        let _ = (name.parent(), name.owner(&rules), name.to_db(&rules));
        let _ = policy::check(&name, true, &rules);
        for virtdomains in [VirtDomains::Off, VirtDomains::Yes] {
            for viewer in [namespace::Viewer::Admin, namespace::Viewer::User] {
                let options = Options { virtdomains, ..Options::default() };
                let namespace = Namespace::new(options, viewer);
                let _ = namespace.to_internal(name.as_bytes(), Some(b"ann@x"));
                let _ = namespace.to_external(&once, Some(b"ann"));
            }
        }
    }
}
