"""A small disk of one's own, and a way to fill it."""
import pathlib
import subprocess
import tempfile

DISK_BYTES = 16 << 20


def mount_disk(folder):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "petfood-test", str(folder)], check=True, capture_output=True)


def can_mount():
    """None, or why there can be no small disk here."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="petfood-disk-"))
    try:
        mount_disk(folder)
        subprocess.run(["umount", str(folder)], check=True)
        return None
    except (OSError, subprocess.CalledProcessError) as failed:
        return (getattr(failed, "stderr", None) or str(failed).encode()).decode().strip()
    finally:
        folder.rmdir()


def fill(path, left):
    """Takes all the space of a file system but `left` bytes."""
    with open(path, "wb", buffering=0) as file:
        size = 0
        for step in (1 << 20, 4096):
            block = b"\xff" * step
            try:
                while True:
                    size += file.write(block)
            except OSError:
                pass
        file.truncate(max(0, size - left))
