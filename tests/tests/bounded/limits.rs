//! The limits: the bounds of the stack, the routines of the platforms, and the panics that are left.

use super::graph::Routine;

/// A machine, and what the compiler optimises for.
pub struct Build {
    pub target: &'static str,
    pub level: &'static str,
    pub routines: &'static [Routine],
}

/// From glibc's disassembly: these save few registers, and call nothing.
const OF_LIBC: &[Routine] = &[("memcpy", 64), ("memmove", 64), ("memset", 64), ("bcmp", 64), ("memcmp", 64)];

/// From the disassembly of `compiler_builtins`. Division by a number of 64 bits calls a function of its own.
const OF_THUMB: &[Routine] = &[
    ("memcmp", 32),
    ("__aeabi_memcpy", 32),
    ("__aeabi_memcpy4", 32),
    ("__aeabi_memcpy8", 32),
    ("__aeabi_memmove", 32),
    ("__aeabi_memmove4", 32),
    ("__aeabi_memmove8", 32),
    ("__aeabi_memset", 32),
    ("__aeabi_memset4", 32),
    ("__aeabi_memset8", 32),
    ("__aeabi_memclr", 32),
    ("__aeabi_memclr4", 32),
    ("__aeabi_memclr8", 32),
    ("__aeabi_uldivmod", 96),
    ("__aeabi_llsl", 16),
    ("__aeabi_llsr", 16),
];

pub const BUILDS: [Build; 4] = [
    Build { target: "x86_64-unknown-linux-gnu", level: "3", routines: OF_LIBC },
    Build { target: "x86_64-unknown-linux-gnu", level: "z", routines: OF_LIBC },
    Build { target: "thumbv7m-none-eabi", level: "3", routines: OF_THUMB },
    Build { target: "thumbv7m-none-eabi", level: "z", routines: OF_THUMB },
];

/// How deep the stack may be.
pub enum Reach {
    /// Bytes on x86_64 and on Thumb.
    Bytes((u64, u64)),
    /// Text is made by `core::fmt`, which calls the `Display` of one type from that of another, through pointers. That
    /// is a cycle in the graph, and is as deep as the types are nested: an embedder that has no room for it takes the
    /// notice as it is (with `defmt`, say).
    Words,
}

/// A function of `core/examples/doors`.
pub struct Door {
    pub name: &'static str,
    pub reach: Reach,
}

impl Door {
    /// Whether it is one of the calls of the loop, which alone decide what happens to jobs.
    pub fn is_of_the_loop(&self) -> bool {
        matches!(self.name, "handle" | "poll_effect" | "next_deadline" | "is_calm")
    }
}

const fn door(name: &'static str, x86: u64, thumb: u64) -> Door {
    Door { name, reach: Reach::Bytes((x86, thumb)) }
}

/// The deeper one of both levels, a twenty-fifth more, rounded up to a multiple of 256 bytes.
#[rustfmt::skip]
pub const DOORS: &[Door] = &[
    // The loop.
    door("handle", 4_352, 2_816),
    door("poll_effect", 4_608, 3_072),
    door("next_deadline", 256, 256),
    door("is_calm", 256, 256),
    // Set-up, and job files.
    door("define", 2_560, 2_048),
    door("begin_class", 512, 512),
    door("apply", 768, 512),
    door("commit_class", 2_304, 1_792),
    door("abandon_class", 768, 512),
    door("delete_class", 768, 768),
    door("parse", 1_792, 1_280),
    door("glob", 512, 512),
    door("set_environment", 512, 512),
    door("lend", 512, 256),
    // Clients: the supervisor's end, and their own.
    door("respond", 12_800, 6_656),
    door("reply", 512, 512),
    door("status", 4_096, 2_816),
    door("statuses", 768, 512),
    door("explain", 4_096, 2_816),
    door("explain_client", 1_280, 1_024),
    door("receive", 256, 256),
    door("read_request", 1_024, 512),
    door("put_reply", 512, 256),
    door("send", 256, 256),
    door("send_request", 512, 256),
    door("read_reply", 1_024, 768),
    // The image of the state.
    door("save", 4_864, 4_352),
    door("restore", 5_632, 4_608),
    // The things behind an id.
    door("environment", 7_168, 3_840),
    door("find_class", 256, 256),
    door("class_of", 256, 256),
    door("names", 512, 256),
    door("owner", 256, 256),
    door("processes", 256, 256),
    door("jobs", 256, 256),
    door("occupancy", 256, 256),
    // Words.
    Door { name: "message", reach: Reach::Words },
    Door { name: "refusal_text", reach: Reach::Words },
    Door { name: "status_text", reach: Reach::Words },
];

/// A panic that is left.
pub struct Left {
    pub target: &'static str,
    pub level: &'static str,
    pub function: &'static str,
    pub callee: &'static str,
    /// In how many places behind one door, at most.
    pub places: u32,
    /// The doors behind which it is.
    pub doors: &'static [&'static str],
}

// postcard's `varint_*` return the bytes that they have written as `&mut out[..=i]`, in their loop over `out`. For size
// the compiler does not see any more that `i` is one of its indices.
const OF_POSTCARD: Left = Left {
    target: "x86_64-unknown-linux-gnu",
    level: "z",
    function: "<core::ops::range::RangeToInclusive<usize> as core::slice::index::SliceIndex<[u8]>>::index_mut",
    callee: "core::slice::index::slice_index_fail",
    places: 2,
    doors: &["respond", "put_reply", "send_request", "save"],
};

/// All of them.
pub const LEFT: [Left; 2] = [OF_POSTCARD, Left { target: "thumbv7m-none-eabi", ..OF_POSTCARD }];

/// Whether a function is one of those that make text.
pub fn is_of_words(plain: &str) -> bool {
    let is_fmt = plain.starts_with("core::fmt::") || plain.starts_with("<core::fmt::");
    // Pieces that several of them have in common are functions of their own where the program is to be small.
    is_fmt
        || plain.starts_with("OUTLINED_FUNCTION_")
        || plain.contains(" as core::fmt::")
        || plain.starts_with("uphold_core::words::write_")
}
