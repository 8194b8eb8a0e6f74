//! One arena of freed memory for all threads of the server.
//!
//! glibc gives each thread an arena of its own and keeps there what the thread has freed. A bound on
//! the memory in use is then no bound on what the process holds: rounds of four queries that share
//! 96 MB left 424 MB behind, with one arena 187 MB. glibc takes the number of arenas only from the
//! environment of a new program, so the server starts itself again, which takes a millisecond.

/// Starts the server again with one arena, unless the environment already sets how many there are.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn share_one() {
    use std::env;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    const ARENAS: &str = "MALLOC_ARENA_MAX";
    if env::var_os(ARENAS).is_some() {
        return;
    }
    let mut words = env::args_os();
    let (Some(name), Ok(program)) = (words.next(), env::current_exe()) else { return };
    // Where that fails, it goes on as it is: more memory is held, nothing else is different.
    let _ = Command::new(program).arg0(name).args(words).env(ARENAS, "1").exec();
}

/// Other systems have no such arenas.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn share_one() {}
