use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(loomctl::cli::main())
}
