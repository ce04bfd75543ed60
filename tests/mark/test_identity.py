"""Who signs: this machine's own identity, made once and for its owner alone; or the user's, checked before any work."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from lipsync_edge.errors import UsageError
from lipsync_edge.mark.identity import VARIABLE, identity_of, own_file, own_identity, read_identity
from lipsync_edge.mark.options import MarkOptions
from lipsync_edge.mark.sign import check_identity
from tests.mark.people import KEYS, Newsroom


def test_the_own_identity_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    place = tmp_path / "new" / "folder" / "identity.pem"
    first, second = own_identity(place), own_identity(place)
    assert first == second
    assert (first.own, first.kept) == (True, place)
    assert "not a trusted one" in first.said
    if os.name == "posix":
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    check_identity(first)


def test_it_names_no_person_and_no_machine(tmp_path: Path) -> None:
    own = own_identity(tmp_path / "identity.pem")
    for one in x509.load_pem_x509_certificates(own.certificates):
        text = one.subject.rfc4514_string() + one.issuer.rfc4514_string()
        assert text.replace("lipsync-edge", "").replace("local", "").count("CN=") == 2
        for secret in (os.environ.get("USER"), os.environ.get("HOSTNAME"), str(tmp_path)):
            assert not secret or secret not in text


def test_without_a_home_it_lives_as_long_as_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert own_file() is None
    first = identity_of(MarkOptions())
    assert first is identity_of(MarkOptions())
    assert first.kept is None
    assert "made for this run alone" in first.said
    monkeypatch.setenv(VARIABLE, str(tmp_path / "i.pem"))
    assert own_file() == tmp_path / "i.pem"
    monkeypatch.delenv(VARIABLE)
    import platformdirs

    def homeless(*_: object, **__: object) -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(platformdirs, "user_data_path", homeless)
    assert own_file() is None


def test_a_place_that_cannot_be_written_to_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert own_identity(tmp_path / "file" / "identity.pem").kept is None


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", b"\xff\x00"]
)
def test_a_damaged_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "identity.pem"
    place.write_bytes(content)
    assert own_identity(place).kept == place
    assert own_identity(place) == own_identity(place)


def test_processes_that_begin_at_once_share_one(tmp_path: Path) -> None:
    code = "from pathlib import Path; from lipsync_edge.mark.identity import own_identity, serial_of\n"
    code += f"print(serial_of(own_identity(Path({str(tmp_path / 'i.pem')!r}))))"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    serials = {process.communicate(timeout=60)[0].strip() for process in started}
    kept = own_identity(tmp_path / "i.pem")
    assert len(serials) == 1
    assert serials == {str(x509.load_pem_x509_certificates(kept.certificates)[0].serial_number)}


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_users_keys_sign(tmp_path: Path, algorithm: str) -> None:
    people = Newsroom(tmp_path, algorithm)
    who = identity_of(MarkOptions(sign_cert=people.cert, sign_key=people.key))
    assert (who.algorithm, who.name, who.own) == (algorithm, "Newsroom", False)
    assert who.said == "signed by Newsroom"
    check_identity(who)


def test_an_old_form_of_key_signs_too(tmp_path: Path) -> None:
    people = Newsroom(tmp_path)
    key = serialization.load_pem_private_key(people.key.read_bytes(), None)
    people.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    check_identity(read_identity(people.cert, people.key))


def test_what_cannot_sign_is_refused_in_one_line(tmp_path: Path) -> None:
    people = Newsroom(tmp_path)
    (tmp_path / "b").mkdir()
    others = Newsroom(tmp_path / "b")
    key = serialization.load_pem_private_key(others.key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    for cert, secret in (
        (people.cert, others.key),
        (others.cert, locked),
        (people.key, people.key),
        (people.cert, people.cert),
        (tmp_path / "nothing.pem", people.key),
        (people.cert, tmp_path),
    ):
        with pytest.raises(UsageError) as refused:
            read_identity(cert, secret)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [{"days": -1}, {"purpose": x509.ExtendedKeyUsageOID.SERVER_AUTH}],
    ids=["expired", "for servers"],
)
def test_a_certificate_that_c2pa_does_not_take_is_refused_before_work(tmp_path: Path, changes: dict) -> None:
    people = Newsroom(tmp_path, **changes)
    who = read_identity(people.cert, people.key)
    with pytest.raises(UsageError):
        check_identity(who)


def test_half_a_pair_is_refused(tmp_path: Path) -> None:
    for options in ({"sign_cert": tmp_path}, {"sign_key": tmp_path}):
        with pytest.raises(UsageError, match="both or neither"):
            MarkOptions(**options)
    with pytest.raises(UsageError):
        MarkOptions(wanted=False, sign_cert=tmp_path, sign_key=tmp_path)
