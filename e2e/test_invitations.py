"""People get their first password by an invitation: by mail, or from whoever invites them."""

from ironcage import eventually
from receivers import Mailbox
from test_notifications import mail

PASSWORD = "correct horse battery staple"


def token_of(letter) -> str:
    return next(line for line in letter.get_content().splitlines() if line.startswith("iv_"))


def test_an_invitation_by_mail_is_accepted_on_the_command_line(server):
    with Mailbox() as mailbox:
        server.api("POST", "/notification-channels", {"name": "mail", "kind": "email", "email": mail(mailbox)})
        server.iron("login", "--email", "admin@example.com", "--password-stdin", stdin=PASSWORD)
        shown = server.iron("users", "create", "--email", "ada@example.com", "--name", "Ada")
        assert "mailed" in shown and "iv_" not in shown
        eventually(lambda: any(to == ["ada@example.com"] for to, _ in mailbox.mails))
        letter = next(one for to, one in mailbox.mails if to == ["ada@example.com"])
        assert letter["subject"] == "[Iron Cage] you are invited to Iron Cage"
        token = token_of(letter)
        accepted = server.iron("users", "accept", "--stdin", stdin=f"{token}\nmy own password\n")
        assert "signed in" in accepted and "ada@example.com" in accepted
        again = server.iron("users", "accept", "--stdin", stdin=f"{token}\nmy own password\n", check=False)
        assert again.returncode == 3 and "invitation" in again.stderr
        assert not any(token in str(one) for to, one in mailbox.mails if to != ["ada@example.com"])
        assert token not in server.log()


def test_a_new_tenant_has_an_admin_who_can_sign_in(server):
    server.iron("login", "--email", "admin@example.com", "--password-stdin", stdin=PASSWORD)
    create = ("tenants", "create", "--name", "Acme", "--slug", "acme", "--admin-email", "boss@acme.example")
    shown = server.iron(*create)
    token = next(word for word in shown.split() if word.startswith("iv_"))
    server.iron("users", "accept", "--stdin", stdin=f"{token}\nthe boss is here\n")
    assert "boss@acme.example" in server.iron("users", "me")
