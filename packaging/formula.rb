# Made by packaging/recipes.py from packaging/formula.rb.
class McpTrackio < Formula
  desc "{description}"
  homepage "{repository}"
  version "{version}"
  license "{license}"

  on_macos do
    on_arm do
      url "{url aarch64-apple-darwin}"
      sha256 "{sha256 aarch64-apple-darwin}"
    end
    on_intel do
      url "{url x86_64-apple-darwin}"
      sha256 "{sha256 x86_64-apple-darwin}"
    end
  end

  # Linked with nothing: Homebrew's glibc and the system's may differ.
  on_linux do
    on_arm do
      url "{url aarch64-unknown-linux-musl}"
      sha256 "{sha256 aarch64-unknown-linux-musl}"
    end
    on_intel do
      url "{url x86_64-unknown-linux-musl}"
      sha256 "{sha256 x86_64-unknown-linux-musl}"
    end
  end

  def install
    bin.install "{name}"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/{name} --version")
    system bin/"{name}", "demo"
  end
end
