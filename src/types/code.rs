//! Stable names of what can be wrong, for those who read JSON or search the docs. Sentences may change, these do not.

use serde::{Serialize, Serializer};

/// Whose fault it is: it decides the exit code. Of several the last counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Worth a word, and stops nothing: exit 0.
    Warning,
    /// A host cannot do what is wanted, or the run cannot: exit 1.
    Host,
    /// The input is wrong: exit 2.
    Input,
    /// Going on would be dangerous: exit 3.
    Safety,
}

macro_rules! codes {
    ($($class:ident { $($name:ident = $text:literal, $what:literal;)* })*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $what] $name,)*)* }

        impl Code {
            /// Each with its meaning, for docs/faults.md.
            pub const ALL: &[(Self, &str)] = &[$($((Self::$name, $what),)*)*];

            pub fn as_str(self) -> &'static str {
                match self { $($(Self::$name => $text,)*)* }
            }

            pub fn class(self) -> Class {
                match self { $($(Self::$name)|* => Class::$class,)* }
            }
        }
    };
}

codes! {
    Warning {
        InventoryBehind = "warning/inventory-behind", "a command gave a node another binary than the inventory has";
        PreparedExpired = "warning/prepared-expired", "an upgrade was prepared long ago and never carried out";
        ClonedMachine = "warning/cloned-machine-id", "two machines have the same machine-id";
        OlderSystemd = "warning/older-systemd", "systemd lacks directives, which units are written without";
        VoteOfBirth = "warning/vote-of-birth", "a vote or a power is not what the chain was born with";
        JoinsWithoutVote = "warning/joins-without-vote", "a validator joins a chain that was born without it";
        LostPeer = "warning/lost-peer", "nodes dial a peer that is no host of the inventory";
        LostValidators = "warning/lost-validators", "validators of the genesis are no hosts of the inventory";
        Contradiction = "warning/contradiction", "nodes contradict each other";
        RemovedNode = "warning/removed-node", "a node of the inventory was removed from the cluster, and is left out";
        NotStopped = "warning/not-stopped", "the host of a removed node was not reached, so the node was not stopped";
        SignStateUnknown = "warning/sign-state-unknown", "what a key has signed is not known in full";
    }
    Host {
        Unreachable = "host/unreachable", "the host does not answer";
        HungUp = "host/hung-up", "sshd ends the connection before the login";
        NoSuchName = "host/no-such-name", "the host name does not resolve";
        HostKey = "host/host-key", "the host key has changed or is not known";
        LoginRefused = "host/login-refused", "ssh refuses the login";
        AccountExpired = "host/account-expired", "the login's account or its password has expired";
        NoSsh = "host/no-ssh", "the ssh program of the control machine cannot be used";
        NoSudo = "host/no-sudo", "sudo is missing or does not let the login in";
        SudoTerminal = "host/sudo-terminal", "sudo wants a terminal";
        SudoPasswordWanted = "host/sudo-password-wanted", "sudo wants a password";
        SudoPasswordWrong = "host/sudo-password-wrong", "sudo refuses the password";
        NoShell = "host/no-shell", "the login reaches no POSIX shell";
        ProgramsMissing = "host/programs-missing", "programs that loomctl needs are missing";
        NotRoot = "host/not-root", "root is needed";
        NoUserManager = "host/no-user-manager", "no systemd of the login's user runs";
        Locked = "host/locked", "another run holds the lock (exit 4)";
        Lost = "host/connection-lost", "the connection was lost";
        Silent = "host/silent", "nothing was heard for --step-timeout";
        Endless = "host/endless", "the host exceeds its deadline";
        Implausible = "host/implausible", "the host reports what cannot be";
        TooMuch = "host/too-much", "the host sends more than its limit";
        UploadFailed = "host/upload-failed", "a file could not be sent";
        StepFailed = "host/step-failed", "a step failed";
        DownloadFailed = "host/download-failed", "the control machine could not download a file for the host";
        CommandFailed = "host/command-failed", "the command of `exec` ended with another exit status than 0";
        CommandOverdue = "host/command-overdue", "the command of `exec` took longer than --timeout";
        OtherDownload = "host/other-download", "a downloaded binary has another checksum than binary_sha256";
        NoDownloader = "host/no-downloader", "neither the host nor the control machine can download";
        NoSystemd = "host/no-systemd", "systemd is not the init system";
        OldSystemd = "host/old-systemd", "systemd is older than directives of the unit";
        NoLingering = "host/no-lingering", "user mode: lingering is off";
        LowPort = "host/low-port", "user mode: a port that only root may use";
        NoUser = "host/no-user", "the node's user does not exist";
        Architecture = "host/architecture", "the binary is of another architecture";
        LoaderMissing = "host/loader-missing", "the host lacks the loader that the binary names (another C library)";
        FolderUnread = "host/folder-unread", "the node's folder could not be read to its end";
        FolderHidden = "host/folder-hidden", "root cannot look at the node's folder";
        FolderClosed = "host/folder-closed", "the node's folder is missing and cannot be made";
        FolderMount = "host/folder-mount", "the node's folder is mounted read-only or noexec";
        OthersFile = "host/others-file", "user mode: a file belongs to another user";
        DiskFull = "host/disk-full", "too little room on the disk";
        PortTaken = "host/port-taken", "another program holds a port";
        ClockOff = "host/clock-off", "the clock differs from the others'";
        LockHostLost = "host/lock-host", "the host that holds the cluster's lock is left out and down";
        KeysAbsent = "host/keys-absent", "a backup would lack a node's keys";
        FactMissing = "host/fact-missing", "the host has not reported what is needed";
        MemoryLow = "host/memory-low", "too little memory";
        NoNtp = "host/no-ntp", "the clock is not synchronised";
        PeerUnreachable = "host/peer-unreachable", "another node's port does not answer";
        PeerName = "host/peer-name", "a host does not know a name that its node needs";
        SshdSessions = "host/sshd-sessions", "sshd allows few sessions a connection";
        SshdForwarding = "host/sshd-forwarding", "sshd forbids forwarding";
        IoLog = "host/sudo-io-log", "sudo logs input or output of what it runs";
        FewFiles = "host/few-files", "the kernel allows too few open files";
        JournalLost = "host/journal-lost", "the journal is not kept";
        UnitMissing = "V1/unit-missing", "the unit is missing or not loaded";
        UnitDown = "V1/not-running", "the unit does not run";
        UnitDisabled = "V1/not-enabled", "the unit does not start at boot";
        UnitRestarts = "V1/restarts", "the unit restarts";
        UnitBinary = "V1/other-binary", "the process runs another binary";
        UnitArguments = "V1/other-arguments", "the process has other arguments";
        PortClosed = "V2/not-listening", "a planned port does not listen";
        PortHeld = "V2/port-held", "another process holds a planned port";
        PortElsewhere = "V2/other-address", "a planned port listens on another address";
        PortUnannounced = "V2/unannounced", "the node listens on a port that is not planned";
        RpcSilent = "V3/silent", "RPC does not answer";
        RpcUnasked = "V3/no-forwarding", "RPC cannot be asked: no forwarding, and no tool on the host";
        RpcNode = "V3/other-node", "RPC answers as another node";
        RpcChain = "V3/other-chain", "RPC answers for another chain";
        DocumentMissing = "V4/document-missing", "a genesis document is missing";
        DocumentDiffers = "V4/document-differs", "a genesis document differs from the others'";
        ValidatorsDiffer = "V5/validators-differ", "the first validators are not those of the genesis";
        ValidatorsUnknown = "V5/no-answer", "the node does not report the first validators";
        NoPeers = "V6/no-peers", "the node has no peers";
        Apart = "V6/apart", "the node has no way to the others";
        NoBlocks = "V7/no-blocks", "the height does not rise";
        OtherChain = "V8/other-blocks", "the blocks are not the others'";
        NoBlock = "V8/no-answer", "the node does not report its block";
        ClockApart = "V9/clock-off", "the clock is more than 500 ms off the median";
        Behind = "V10/catching-up", "the node is catching up";
        CheckFailed = "check/failed", "a check that has no code of its own fails";
        NotKnown = "check/not-known", "it cannot be checked, because another check fails";
        ChecksFailed = "run/checks-failed", "checks failed";
        Gate = "run/gate", "a restarted node does not take part again";
        NoProgress = "run/no-progress", "steps are done and still wanted";
        ControlMachine = "run/control-machine", "the control machine itself failed";
        Interrupted = "run/interrupted", "the run was interrupted (exit 130)";
    }
    Input {
        Skipped = "input/skipped", "something in an inventory that Ansible warns about and leaves out";
        Input = "input/invalid", "anything else in inventory, profile, flags or files";
        UnknownVariable = "input/unknown-variable", "a variable that loomctl does not know";
        MissingVariable = "input/missing-variable", "a variable that is needed";
        HarmfulSetting = "input/harmful-setting", "a value of `settings:` that can cost a validator its stake";
        RiskySetting = "input/risky-setting", "a value of `settings:` to be sure of";
        NoProgram = "input/no-program", "`binary` is no program for Linux: an archive, a web page, a text";
        BinarySum = "input/binary-sha256", "the binary is not the one that binary_sha256 names";
        UserModeUser = "input/user-mode-user", "user mode: `user` is not the login's";
        UserModeAccount = "input/user-mode-create-user", "user mode: accounts are made by root alone";
        OneMachine = "input/one-machine", "two hosts of the inventory are one machine, by other addresses";
        SyncServers = "input/state-sync-servers", "state_sync has fewer than two nodes to ask";
        BackupDamaged = "input/backup-damaged", "the backup cannot be used";
        NotInBackup = "input/not-in-backup", "the node is not in the backup";
        FactsIncomplete = "input/facts-incomplete", "`render`: the facts lack a node or its key";
    }
    Safety {
        FolderExchangeable = "P1/exchangeable-folder", "another account can change the way to root's folder";
        FolderReserved = "P1/reserved-folder", "the node's folder is loomctl's or systemd's";
        OtherGenesis = "S1/other-genesis", "the inventory demands another genesis than the chain has";
        OtherChainId = "S1/other-chain-id", "chain_id is not the living chain's";
        GenesisGone = "S1/genesis-gone", "no host of a living chain holds a genesis document";
        GenesisStranger = "S1/no-validator", "a validator of the inventory is none of the living genesis";
        ClonedNode = "S4/cloned-node-id", "two nodes have the same node id";
        ClonedKey = "S4/cloned-validator-key", "two nodes have the same validator key";
        SameAddress = "S4/same-peer-address", "two nodes have the same peer address";
        GenesisUnsound = "S5/genesis-unsound", "the genesis would not be sound";
        GenesisDiffers = "S5/documents-differ", "hosts hold different genesis documents";
        GenesisOfOne = "S5/of-one-alone", "a genesis document that one host alone vouches for";
        GenesisTooLarge = "S5/too-large", "a genesis document exceeds the limit";
        GenesisNotMade = "S5/not-made", "the chain's tool has not made the genesis yet";
        LeftOut = "S5/validator-left-out", "--limit leaves a validator without keys out of the birth";
        NoVoters = "S8/no-voters", "no node reports the validators, or they disagree";
        Standstill = "S8/standstill", "too much voting power would go offline";
        TwoBuilds = "S11/two-builds", "the hosts would run different builds";
        KeysMissing = "S13/keys-missing", "a key or sign state is missing or not whole";
        KeysUnreadable = "S13/keys-unreadable", "the node cannot read one of its keys";
        DiskLost = "S13/disk-lost", "the others know the node, and its keys are gone";
        SignStateOld = "S13/sign-state-old", "the chain has a later signature than the sign state";
        KeptElsewhere = "S13/kept-elsewhere", "another systemd of the host has the node";
        KeysHeld = "S13/keys-held", "another node holds the backup's keys";
        OtherKeys = "S13/other-keys", "the host has other keys than the backup";
        MaySign = "S13/may-sign", "the key may still sign elsewhere";
        SignedUnknown = "S13/signed-unknown", "what the key has signed is not known";
        BackupAhead = "S13/backup-ahead", "the backup is ahead of the nodes";
        OtherBackup = "S13/other-backup", "the backup is another cluster's";
        StillRunning = "S13/still-running", "a node runs that must be stopped first";
        Removed = "S17/removed", "only a node that was removed from the cluster was asked for";
        RemovedKeys = "S17/removed-keys", "the keys of a removed node would be started";
        HalfRemoved = "S17/half-removed", "one host alone remembers that a node was removed";
        TombstoneUnusable = "S17/tombstone-unusable", "what a host remembers of removed nodes cannot be used";
        NoTrustedBlock = "plan/no-trusted-block", "state_sync has no block to trust";
        ManifestUnusable = "plan/manifest-unusable", "the manifest on the host cannot be used";
        ForeignNode = "plan/foreign-node", "files of a node that loomctl has not made";
        Renamed = "plan/renamed", "the node was made for another cluster or host name";
        ForeignUnit = "plan/foreign-unit", "a unit that loomctl has not made";
        OtherUnit = "plan/other-unit", "the node's unit has another name on the host";
        GoneService = "plan/gone-service", "a service is no longer part of the chain";
        NotConfirmed = "plan/not-confirmed", "the question was not answered with yes";
        NoPredecessor = "plan/no-predecessor", "a node has no earlier binary to go back to";
        StateMovedOn = "plan/state-moved-on", "the chain's state is of a version that the earlier binary cannot read";
        NotInstalled = "plan/not-installed", "a node that has never been started cannot be started or restarted as it is";
        NotAdoptable = "plan/not-adoptable", "the node cannot be taken over";
        ResetRefused = "plan/reset-refused", "--reset-unborn is not possible";
        NotRemovable = "plan/not-removable", "the node cannot be removed from the cluster";
        StalePlan = "plan/stale", "the saved plan does not fit any more";
        NotRendered = "plan/not-rendered", "the node's configuration cannot be composed";
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write as _};

    use super::*;
    use crate::architecture::pages;

    #[test]
    fn codes_are_unique_and_short() {
        let all: BTreeSet<&str> = Code::ALL.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!(all.len(), Code::ALL.len());
        for code in all {
            let (subject, name) = code.split_once('/').unwrap_or_default();
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(!subject.is_empty() && name.len() > 3 && name.chars().all(plain), "{code}");
        }
    }

    /// A reader sees by the name what the exit code is.
    #[test]
    fn the_subject_of_a_code_is_its_class() {
        for (code, _) in Code::ALL {
            let (subject, _) = code.as_str().split_once('/').unwrap_or_default();
            let class = match subject {
                "warning" => Class::Warning,
                "input" => Class::Input,
                "host" | "check" | "run" => Class::Host,
                _ if subject.starts_with('V') => Class::Host,
                _ => Class::Safety,
            };
            assert_eq!(code.class(), class, "{code}");
        }
    }

    /// `INSTA_UPDATE=always` writes the table again.
    #[test]
    fn every_code_is_in_the_docs() {
        let mut text = "\n| code | exit | meaning |\n|---|---|---|\n".to_owned();
        for (code, what) in Code::ALL {
            let exit = match code {
                Code::Locked => 4,
                Code::Interrupted => 130,
                _ => code.class() as u8,
            };
            let _ = writeln!(text, "| `{code}` | {exit} | {what} |");
        }
        text.push('\n');
        pages::holds("docs/faults.md", "codes", &text);
    }
}
