"""The oracle's second page, by hand too: the way of a case, what may be said in a room, what a device may do.

Nothing here is read from the service. Change it only when DOMAIN says so, never to please a test.
"""

from __future__ import annotations

import itertools

# --- the way of a case -------------------------------------------------------------------------

# Who: a role on a side. A doctor who helps, and a specialist who asks, sit at the table like the others.
ASKER = {("doctor", "asking")}
DESK = {("coordinator", "supporting")}
EXPERT = {("specialist", "supporting")}
TABLE = set(itertools.product(("doctor", "specialist"), ("asking", "supporting")))
PARTY = TABLE | set(itertools.product(("coordinator",), ("asking", "supporting")))
BOOKED = set(itertools.product(("doctor", "coordinator"), ("asking", "supporting")))
WHO = {"asker": ASKER, "desk": DESK, "expert": EXPERT, "table": TABLE, "party": PARTY, "booked": BOOKED}

# stage, step, next stage, who; "now": an emergency alone. What is not here is nobody's.
JOURNEY = """
draft          edit         draft          asker
draft          request      requested      asker
draft          cancel       cancelled      asker
requested      edit         requested      asker
requested      accept       accepted       desk
requested      redirect     redirected     desk
requested      ask-more     needs-more     desk
requested      decline      declined       desk
requested      schedule     scheduled      desk    now
requested      cancel       cancelled      asker
redirected     edit         redirected     asker
redirected     accept       accepted       desk
redirected     redirect     redirected     desk
redirected     ask-more     needs-more     desk
redirected     decline      declined       desk
redirected     schedule     scheduled      desk    now
redirected     cancel       cancelled      asker
reopened       edit         reopened       asker
reopened       accept       accepted       desk
reopened       redirect     redirected     desk
reopened       ask-more     needs-more     desk
reopened       decline      declined       desk
reopened       schedule     scheduled      desk    now
reopened       cancel       cancelled      asker
needs-more     edit         needs-more     asker
needs-more     answer-more  requested      asker
needs-more     cancel       cancelled      asker
accepted       edit         accepted       asker
accepted       schedule     scheduled      desk
accepted       redirect     redirected     desk
accepted       ask-more     needs-more     desk
accepted       decline      declined       desk
accepted       cancel       cancelled      booked
scheduled      edit         scheduled      asker
scheduled      schedule     scheduled      desk
scheduled      join         in-session     party
scheduled      answer       answered       expert
scheduled      cancel       cancelled      booked
in-session     join         in-session     party
in-session     minutes      in-session     table
in-session     end-session  minutes-open   table
answered       minutes      answered       table
answered       sign         answered       table
answered       complete     signed         table
answered       schedule     scheduled      desk
minutes-open   minutes      minutes-open   table
minutes-open   sign         minutes-open   table
minutes-open   complete     signed         table
minutes-open   schedule     scheduled      desk
signed         add          signed         table
signed         outcome      outcome-known  asker
outcome-known  add          outcome-known  table
outcome-known  outcome      outcome-known  asker
declined       reopen       reopened       asker
cancelled      reopen       reopened       asker
requested      hand-over    requested      asker
redirected     hand-over    redirected     asker
reopened       hand-over    reopened       asker
needs-more     hand-over    needs-more     asker
accepted       hand-over    accepted       asker
scheduled      hand-over    scheduled      asker
in-session     hand-over    in-session     asker
answered       hand-over    answered       asker
minutes-open   hand-over    minutes-open   asker
signed         hand-over    signed         asker
outcome-known  hand-over    outcome-known  asker
"""

# --- what may be said in a room ----------------------------------------------------------------

# H chair, D doctor who asks, S another specialist, V viewer whom the chair let in, W one who waits at the door.
EVERYONE, INSIDE, AT_THE_TABLE = "HDSVW", "HDSV", "HDS"
ROOM = {
    "hello": "",  # the first word alone
    "knock": EVERYONE,
    "media": EVERYONE,
    "leave": EVERYONE,
    "ping": EVERYONE,
    "pong": EVERYONE,
    "offer": INSIDE,
    "answer": INSIDE,
    "ice": INSIDE,
    "restart": INSIDE,
    "chat": INSIDE,
    "resync": INSIDE,
    "share-view": AT_THE_TABLE,
    "mark": AT_THE_TABLE,
    "present": AT_THE_TABLE,
    "end": "HD",
    "admit": "H",
}

# --- what a device may do ----------------------------------------------------------------------

# Calling AE title: the hospital whose archive it may fill, "" for none. All of them call from 127.0.0.1.
DEVICES = {
    "CT_L": "L",  # known, ours
    "CT_SENDS": "L",  # ours, may send and no more
    "CT_T": "T",  # known, of another hospital: it fills that one's archive alone
    "CT_AWAY": "",  # known at another address
    "CT_CLOSED": "",  # of a hospital that has left
    "STRANGER": "",
}
# Services that a known device may use; the others are nobody's.
DIMSE = {"C-ECHO": True, "C-STORE": True, "N-ACTION": True, "C-FIND": True, "C-MOVE": True, "C-GET": True}
SENDS_ALONE = {"CT_SENDS": {"C-ECHO", "C-STORE", "N-ACTION"}}
# Device and hospital: whether it learns or gets anything of that one's images, by whatever service.
REACH = {
    ("CT_L", "L"): True,
    ("CT_L", "T"): False,
    ("CT_T", "L"): False,
    ("CT_T", "T"): True,
}
# PACS by AE title: the hospital that registered it, and whose devices alone may have images moved there.
DESTINATIONS = {"PACS_L": "L", "PACS_T": "T"}
