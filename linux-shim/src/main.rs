//! `init`: the supervisor daemon.
#![forbid(unsafe_code)]

use uphold_linux::kernel::allocator::Tables;

#[global_allocator]
static ALLOCATOR: Tables = Tables;

fn main() -> std::process::ExitCode {
    uphold_linux::boot::startup::main()
}
