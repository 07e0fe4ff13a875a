//! `cgroup CONTROLLER [NAME] [KEY VALUE]`: the request of a job file, in the names of version 2 of control groups.

/// Controllers of version 1 that have another name in version 2.
const CONTROLLERS: [(&[u8], &[u8]); 1] = [(b"blkio", b"io")];

/// Settings of version 1 that have another name in version 2: controller, key, file, and the conversion of the value.
#[rustfmt::skip]
const KEYS: [(&[u8], &[u8], &str, Value); 6] = [
    //  controller  key                       file               value
    (   b"cpu",     b"shares",                "cpu.weight",      |text| weight(text, 2, 262_144)),
    (   b"cpu",     b"cfs_quota_us",          "cpu.max",         no_limit),
    (   b"blkio",   b"weight",                "io.weight",       |text| weight(text, 10, 1000)),
    (   b"memory",  b"limit_in_bytes",        "memory.max",      no_limit),
    (   b"memory",  b"soft_limit_in_bytes",   "memory.high",     no_limit),
    (   b"freezer", b"state",                 "cgroup.freeze",   |text| if text == b"FROZEN" { b"1".into() } else { b"0".into() }),
];

type Value = fn(&[u8]) -> Vec<u8>;

/// A file of a control group, and the value that is written to it.
pub type Setting = (Box<[u8]>, Box<[u8]>);

/// A control group and its settings: the last name that is given, and every setting.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Cgroup {
    /// `NAME`, which may contain `$UPSTART_CGROUP`; `None` for the name that Upstart gives.
    pub name: Option<Box<[u8]>>,
    /// The requested controllers.
    pub controllers: Vec<Box<[u8]>>,
    /// The settings.
    pub values: Vec<Setting>,
}

impl Cgroup {
    /// Adds the words of a `cgroup` stanza.
    pub fn take(&mut self, words: &[&[u8]]) {
        let (controller, name, setting) = match *words {
            [controller] => (controller, None, None),
            [controller, name] => (controller, Some(name), None),
            [controller, key, value] => (controller, None, Some((key, value))),
            [controller, name, key, value, ..] => (controller, Some(name), Some((key, value))),
            [] => return,
        };
        if let Some(name) = name {
            self.name = Some(name.into());
        }
        if let Some((key, value)) = setting {
            self.values.push(translate(controller, key, value));
        }
        let new = CONTROLLERS.iter().find(|(old, _)| *old == controller).map_or(controller, |(_, new)| new);
        self.controllers.push(new.into());
    }
}

/// The file and the value of a setting.
fn translate(controller: &[u8], key: &[u8], value: &[u8]) -> Setting {
    let known = KEYS.iter().find(|(its_controller, its_key, ..)| *its_controller == controller && *its_key == key);
    match known {
        Some((_, _, file, translate)) => (file.as_bytes().into(), translate(value).into()),
        None if key.starts_with(&[controller, b"."].concat()) => (key.into(), value.into()),
        None => ([controller, b".", key].concat().into(), value.into()),
    }
}

/// Converts a share of version 1 to a weight from 1 to 10,000.
fn weight(text: &[u8], least: u64, most: u64) -> Vec<u8> {
    match std::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok()) {
        Some(shares) => (1 + (shares.clamp(least, most) - least) * 9999 / (most - least)).to_string().into(),
        None => text.into(),
    }
}

fn no_limit(text: &[u8]) -> Vec<u8> {
    if text == b"-1" { b"max".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(stanzas: &[&[&[u8]]]) -> Cgroup {
        let mut group = Cgroup::default();
        stanzas.iter().for_each(|words| group.take(words));
        group
    }

    #[test]
    fn settings_are_given_the_names_of_version_2() {
        let table: [(&[&[u8]], &str, &str); 9] = [
            (&[b"cpu", b"n", b"shares", b"1024"], "cpu.weight", "39"),
            (&[b"cpu", b"shares", b"2"], "cpu.weight", "1"),
            (&[b"cpu", b"n", b"cfs_quota_us", b"-1"], "cpu.max", "max"),
            (&[b"blkio", b"n", b"weight", b"1000"], "io.weight", "10000"),
            (&[b"memory", b"$UPSTART_CGROUP", b"limit_in_bytes", b"52428800"], "memory.max", "52428800"),
            (&[b"memory", b"n", b"limit_in_bytes", b"-1"], "memory.max", "max"),
            (&[b"memory", b"n", b"memory.low", b"1"], "memory.low", "1"),
            (&[b"pids", b"n", b"max", b"7"], "pids.max", "7"),
            (&[b"freezer", b"n", b"state", b"FROZEN"], "cgroup.freeze", "1"),
        ];
        for (words, file, value) in table {
            let group = group(&[words]);
            assert_eq!(group.values, [(file.as_bytes().into(), value.as_bytes().into())], "{words:?}");
        }
    }

    #[test]
    fn the_last_name_counts_and_every_controller() {
        let both = group(&[&[b"blkio", b"a"], &[b"cpu", b"b"], &[b"memory"]]);
        assert_eq!(both.name.as_deref(), Some(&b"b"[..]));
        assert_eq!(both.controllers, [b"io".as_slice().into(), b"cpu".as_slice().into(), b"memory".as_slice().into()]);
    }
}
