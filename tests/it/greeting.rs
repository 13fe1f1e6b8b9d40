//! What a daemon keeps in memory for a client that has been greeted and says nothing.

use cyrus_tests::pop3::Pop3;
use cyrus_tests::wait::wait_for;
use cyrus_tests::{Builder, Instance, Server, case};

/// The mapped files of the processes of `instance` that run `daemon`.
fn maps(instance: &Instance, daemon: &str) -> String {
    let root = instance.root().display().to_string();
    wait_for("a process", || {
        let entries = std::fs::read_dir("/proc").ok()?.flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let read =
            |pid: u32, name| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let ours =
            pids.filter(|pid| read(*pid, "comm").trim_end().ends_with(daemon)).map(|pid| read(pid, "maps"));
        let maps: String = ours.filter(|maps| maps.contains(&root)).collect();
        (!maps.is_empty()).then_some(maps)
    })
}

/// libsasl's plugins bring libcrypto and libdb with them, half a megabyte of private memory: they come when a client
/// authenticates, also where the list of mechanisms is empty.
#[test]
fn a_greeted_client_has_brought_no_sasl_plugin() {
    case("ours::greeting", &[], || {
        for (allowplaintext, mechanisms) in [("no", "PLAIN LOGIN"), ("no", ""), ("yes", "")] {
            let builder =
                Builder::new(Server::Ours).server("pop3", Server::Ours).server("netlmtp", Server::Ours);
            let builder =
                builder.option("allowplaintext", allowplaintext).option("sasl_mech_list", mechanisms);
            let mut instance = builder.build();
            instance.start();
            let mut imap = instance.imap("imap");
            assert_eq!(imap.command("CAPABILITY").text().contains(" AUTH="), mechanisms.is_empty());
            let _pop3 = Pop3::connect(instance.port("pop3"));
            let mut lmtp = instance.lmtp("netlmtp");
            lmtp.command("LHLO client");
            for daemon in ["imapd", "pop3d", "lmtpd"] {
                let maps = maps(&instance, daemon);
                let plugins: Vec<&str> = maps.lines().filter(|line| line.contains("/sasl2/")).collect();
                assert!(plugins.is_empty(), "{daemon}, allowplaintext: {allowplaintext}: {plugins:#?}");
            }
        }
    });
}
