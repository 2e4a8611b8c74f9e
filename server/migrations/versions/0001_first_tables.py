"""First tables"""

import sqlalchemy as sa
from alembic import op

import server.platform.db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("study_uid", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), server_default="", nullable=False),
        sa.Column("patient_name", sa.Text(), server_default="", nullable=False),
        sa.Column("patient_name_key", sa.Text(), server_default="", nullable=False),
        sa.Column("patient_birth_date", sa.Text(), server_default="", nullable=False),
        sa.Column("patient_sex", sa.Text(), server_default="", nullable=False),
        sa.Column("study_date", sa.Text(), server_default="", nullable=False),
        sa.Column("study_time", sa.Text(), server_default="", nullable=False),
        sa.Column("accession_number", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("modalities", sa.Text(), server_default="", nullable=False),
        sa.Column("series_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("instance_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("other_patients", sa.Integer(), server_default="0", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("removed_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("owner_id", "study_uid", name=op.f("uq_studies_owner_id_study_uid")),
    )
    with op.batch_alter_table("studies", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_studies_owner_id_accession_number"), ["owner_id", "accession_number"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_studies_owner_id_patient_id"), ["owner_id", "patient_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_studies_owner_id_patient_name_key"), ["owner_id", "patient_name_key"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_studies_owner_id_received_at_ms"), ["owner_id", "received_at_ms"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_studies_owner_id_study_date"), ["owner_id", "study_date"], unique=False
        )

    op.create_table(
        "series",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("series_uid", sa.Text(), nullable=False),
        sa.Column("modality", sa.Text(), server_default="", nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("body_part", sa.Text(), server_default="", nullable=False),
        sa.Column("instance_count", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name=op.f("fk_series_study_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("study_id", "series_uid", name=op.f("uq_series_study_id_series_uid")),
    )
    op.create_table(
        "instances",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("series_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sop_uid", sa.Text(), nullable=False),
        sa.Column("sop_class_uid", sa.Text(), nullable=False),
        sa.Column("transfer_syntax_uid", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("frames", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("columns", sa.Integer(), nullable=True),
        sa.Column("photometric", sa.Text(), server_default="", nullable=False),
        sa.Column("bits_allocated", sa.Integer(), nullable=True),
        sa.Column("samples", sa.Integer(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("blob", sa.Text(), nullable=False),
        sa.Column("pixel_offset", sa.BigInteger(), nullable=True),
        sa.Column("frame_bytes", sa.BigInteger(), nullable=True),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("frames_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("frames_refused", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_instances_series_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name=op.f("fk_instances_study_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sa.UniqueConstraint("series_id", "sop_uid", name=op.f("uq_instances_series_id_sop_uid")),
    )
    with op.batch_alter_table("instances", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_instances_blob"), ["blob"], unique=False)
        batch_op.create_index(batch_op.f("ix_instances_sop_uid"), ["sop_uid"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_instances_study_id_sop_uid"), ["study_id", "sop_uid"], unique=False
        )

    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("hospital_id", "seq", name=op.f("uq_audit_hospital_id_seq")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index("ix_audit_object", ["object"], unique=False)

    op.create_table(
        "audit_heads",
        sa.Column("hospital_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("hospital_id", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("target_hospital_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_events_consultation_id"), ["consultation_id"], unique=False)
        batch_op.create_index("ix_events_at_id", ["at", "id"], unique=False)

    op.create_table(
        "hospitals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("short_name", sa.String(), nullable=False),
        sa.Column("parent_name", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("technical_level", sa.String(), nullable=False),
        sa.Column("specialties", sa.String(), nullable=False),
        sa.Column("is_host", sa.Boolean(), nullable=False),
        sa.Column("cases_begun", sa.Integer(), nullable=False),
        sa.Column("created_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("closed_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hospitals")),
        sa.UniqueConstraint("code", name=op.f("uq_hospitals_code")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("run_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_done_at_run_at", ["done_at", "run_at"], unique=False)

    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index("ix_notices_person_id_seen_at", ["person_id", "seen_at"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_sent_at"), ["sent_at"], unique=False)

    op.create_table(
        "people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("suspended_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("created_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("login", name=op.f("uq_people_login")),
    )
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_people_name_key"), ["name_key"], unique=False)

    op.create_table(
        "room_events",
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("sender", sa.Integer(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("room", "seq", name=op.f("pk_room_events")),
    )
    op.create_table(
        "consultations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("target_hospital_id", sa.Integer(), nullable=True),
        sa.Column("requested_by_id", sa.Integer(), nullable=False),
        sa.Column(
            "stage",
            sa.Enum(
                "draft",
                "requested",
                "needs-more",
                "declined",
                "redirected",
                "accepted",
                "scheduled",
                "in-session",
                "answered",
                "minutes-open",
                "signed",
                "outcome-known",
                "cancelled",
                "reopened",
                name="stage",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "urgency",
            sa.Enum("emergency", "urgent", "routine", name="urgency", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("specialty", sa.String(), nullable=False),
        sa.Column("patient_name", sa.String(), nullable=False),
        sa.Column("patient_name_key", sa.String(), nullable=False),
        sa.Column("birth_text", sa.String(), nullable=False),
        sa.Column("birth_on", sa.Date(), nullable=True),
        sa.Column("birth_precision", sa.String(), nullable=False),
        sa.Column("sex", sa.Integer(), nullable=False),
        sa.Column("id_kind", sa.String(), nullable=False),
        sa.Column("id_number", sa.String(), nullable=False),
        sa.Column("insurance", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("admission_number", sa.String(), nullable=False),
        sa.Column("department", sa.String(), nullable=False),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("bed", sa.String(), nullable=False),
        sa.Column("admitted_on", sa.Date(), nullable=True),
        sa.Column("treated_until", sa.Date(), nullable=True),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("course", sa.String(), nullable=False),
        sa.Column("treatment", sa.String(), nullable=False),
        sa.Column("diagnosis", sa.String(), nullable=False),
        sa.Column("icd10", sa.String(), nullable=False),
        sa.Column("informed_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("informed_how", sa.String(), nullable=False),
        sa.Column("informed_by", sa.String(), nullable=False),
        sa.Column("contract", sa.String(), nullable=False),
        sa.Column("contract_reason", sa.String(), nullable=False),
        sa.Column("desk_question", sa.String(), nullable=False),
        sa.Column("desk_answer", sa.String(), nullable=False),
        sa.Column("created_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("taken_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("taken_by_id", sa.Integer(), nullable=True),
        sa.Column("answered_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("redirected_from", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_consultations_hospital_id")),
        sa.ForeignKeyConstraint(
            ["requested_by_id"], ["people.id"], name=op.f("fk_consultations_requested_by_id")
        ),
        sa.ForeignKeyConstraint(["taken_by_id"], ["people.id"], name=op.f("fk_consultations_taken_by_id")),
        sa.ForeignKeyConstraint(
            ["target_hospital_id"], ["hospitals.id"], name=op.f("fk_consultations_target_hospital_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultations")),
        sa.UniqueConstraint("public_id", name=op.f("uq_consultations_public_id")),
        sa.UniqueConstraint("hospital_id", "code", name=op.f("uq_consultations_hospital_id_code")),
    )
    with op.batch_alter_table("consultations", schema=None) as batch_op:
        batch_op.create_index("ix_consultations_hospital_id_stage", ["hospital_id", "stage"], unique=False)
        batch_op.create_index(
            "ix_consultations_target_hospital_id_stage", ["target_hospital_id", "stage"], unique=False
        )

    op.create_table(
        "dicom_peers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("ae_title", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("may_retrieve", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("certificate", sa.String(), nullable=False),
        sa.Column("certificate_until", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("seen_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("refused_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("refused_why", sa.String(), nullable=False),
        sa.Column("refused_what", sa.String(), nullable=False),
        sa.Column("created_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_dicom_peers_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dicom_peers")),
        sa.UniqueConstraint("ae_title", "address", name=op.f("uq_dicom_peers_ae_title_address")),
    )
    op.create_table(
        "pacs_connections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "way",
            sa.Enum("c-get", "c-move", "dicomweb", name="way", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("ae_title", sa.String(), nullable=False),
        sa.Column("trusted", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("takes_evidence", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("created_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("removed_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["hospital_id"], ["hospitals.id"], name=op.f("fk_pacs_connections_hospital_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pacs_connections")),
    )
    op.create_index("ix_pacs_connections_hospital_id", "pacs_connections", ["hospital_id"])
    op.create_table(
        "retrievals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("study_uid", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "running",
                "done",
                "failed",
                "cancelled",
                name="state",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=True),
        sa.Column("claim", sa.String(), nullable=False),
        sa.Column("claimed_until", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("begun_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["pacs_connections.id"], name=op.f("fk_retrievals_connection_id")
        ),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_retrievals_hospital_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_retrievals_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retrievals")),
    )
    op.create_index("ix_retrievals_hospital_id_begun_at", "retrievals", ["hospital_id", "begun_at"])
    op.create_index("ix_retrievals_state", "retrievals", ["state"])
    op.create_table(
        "storage_commitments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("calling", sa.String(), nullable=False),
        sa.Column("transaction_uid", sa.String(), nullable=False),
        sa.Column("references", sa.JSON(), nullable=False),
        sa.Column("asked_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("reported_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["hospital_id"], ["hospitals.id"], name=op.f("fk_storage_commitments_hospital_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storage_commitments")),
    )
    op.create_index(
        "ix_storage_commitments_hospital_id_reported_at",
        "storage_commitments",
        ["hospital_id", "reported_at"],
    )
    op.create_table(
        "refused_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("last_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_refused_files_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_files")),
        sa.UniqueConstraint(
            "hospital_id",
            "way",
            "sender",
            "code",
            "sha256",
            "size_bytes",
            name=op.f("uq_refused_files_hospital_id_way_sender_code_sha256_size_bytes"),
        ),
    )
    op.create_index("ix_refused_files_hospital_id_last_at", "refused_files", ["hospital_id", "last_at"])
    op.create_table(
        "teaching_copies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "making",
                "checking",
                "releasing",
                "released",
                "discarded",
                "failed",
                name="copystate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("failure", sa.String(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("released_by_id", sa.Integer(), nullable=True),
        sa.Column("released_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("released_study_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["asked_by_id"], ["people.id"], name=op.f("fk_teaching_copies_asked_by_id")),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_teaching_copies_consultation_id")
        ),
        sa.ForeignKeyConstraint(
            ["hospital_id"], ["hospitals.id"], name=op.f("fk_teaching_copies_hospital_id")
        ),
        sa.ForeignKeyConstraint(
            ["released_by_id"], ["people.id"], name=op.f("fk_teaching_copies_released_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teaching_copies")),
        sa.UniqueConstraint("public_id", name=op.f("uq_teaching_copies_public_id")),
    )
    op.create_index("ix_teaching_copies_hospital_id_state", "teaching_copies", ["hospital_id", "state"])
    op.create_table(
        "teaching_images",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("copy_id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("must_look", sa.Boolean(), nullable=False),
        sa.Column("blank", sa.JSON(), nullable=False),
        sa.Column("is_made", sa.Boolean(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("done", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["copy_id"],
            ["teaching_copies.id"],
            name=op.f("fk_teaching_images_copy_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teaching_images")),
        sa.UniqueConstraint("copy_id", "instance_id", name=op.f("uq_teaching_images_copy_id_instance_id")),
    )
    op.create_table(
        "earlier_codes",
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_earlier_codes_hospital_id")),
        sa.PrimaryKeyConstraint("hospital_id", "code", "text", name=op.f("pk_earlier_codes")),
    )
    op.create_table(
        "known_browsers",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_known_browsers_person_id")),
        sa.PrimaryKeyConstraint("token_hash", "person_id", name=op.f("pk_known_browsers")),
    )
    with op.batch_alter_table("known_browsers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_browsers_person_id"), ["person_id"], unique=False)

    op.create_table(
        "links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("used_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_links_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_links_token_hash")),
    )
    op.create_table(
        "memberships",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("role_words", sa.String(), nullable=False),
        sa.Column("department", sa.String(), nullable=False),
        sa.Column("specialty", sa.String(), nullable=False),
        sa.Column("since", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("left_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_memberships_hospital_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_memberships_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint("person_id", "hospital_id", name=op.f("uq_memberships_person_id_hospital_id")),
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index("ix_memberships_hospital_id", ["hospital_id"], unique=False)

    op.create_table(
        "addenda",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["people.id"], name=op.f("fk_addenda_by_id")),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_addenda_consultation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addenda")),
    )
    with op.batch_alter_table("addenda", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_addenda_consultation_id"), ["consultation_id"], unique=False)

    op.create_table(
        "documents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("added_by_id", sa.Integer(), nullable=False),
        sa.Column("added_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("removed_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["added_by_id"], ["people.id"], name=op.f("fk_documents_added_by_id")),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_documents_consultation_id")
        ),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_documents_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("public_id", name=op.f("uq_documents_public_id")),
    )
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_documents_consultation_id"), ["consultation_id"], unique=False)

    op.create_table(
        "draft_updates",
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("update", sa.LargeBinary(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["people.id"], name=op.f("fk_draft_updates_by_id")),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_draft_updates_consultation_id")
        ),
        sa.PrimaryKeyConstraint("consultation_id", "seq", name=op.f("pk_draft_updates")),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=True),
        sa.Column("made_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("until", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_grants_consultation_id")
        ),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_grants_hospital_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_grants_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_grants_consultation_id"), ["consultation_id"], unique=False)
        batch_op.create_index("ix_grants_hospital_id_ended_at", ["hospital_id", "ended_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_grants_study_id"), ["study_id"], unique=False)

    op.create_table(
        "key_images",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("sop_uid", sa.String(), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("voi", sa.JSON(), nullable=False),
        sa.Column("view", sa.JSON(), nullable=False),
        sa.Column("caption", sa.String(), nullable=False),
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("study_uid", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("image", sa.String(), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("removed_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["people.id"], name=op.f("fk_key_images_by_id")),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_key_images_consultation_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_key_images_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_images")),
    )
    with op.batch_alter_table("key_images", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_key_images_consultation_id"), ["consultation_id"], unique=False)

    op.create_table(
        "lab_values",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("taken_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_lab_values_consultation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lab_values")),
    )
    with op.batch_alter_table("lab_values", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lab_values_consultation_id"), ["consultation_id"], unique=False)

    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sop_uid", sa.String(), nullable=False),
        sa.Column("made_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_evidence_consultation_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_evidence_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint("consultation_id", "sop_uid", name=op.f("uq_evidence_consultation_id_sop_uid")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("failure", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("changed_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["pacs_connections.id"], name=op.f("fk_deliveries_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_deliveries_consultation_id")
        ),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_deliveries_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "consultation_id", "connection_id", name=op.f("uq_deliveries_consultation_id_connection_id")
        ),
    )
    op.create_table(
        "mark_operations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("sop_uid", sa.String(), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("mark", sa.JSON(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.JSON(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["people.id"], name=op.f("fk_mark_operations_by_id")),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_mark_operations_consultation_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_mark_operations_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mark_operations")),
        sa.UniqueConstraint(
            "consultation_id", "uid", "rev", name=op.f("uq_mark_operations_consultation_id_uid_rev")
        ),
    )
    op.create_table(
        "minutes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("secretary_id", sa.Integer(), nullable=True),
        sa.Column("secretary_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("chair_id", sa.Integer(), nullable=True),
        sa.Column("chair_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("signed_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["chair_id"], ["people.id"], name=op.f("fk_minutes_chair_id")),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_minutes_consultation_id")
        ),
        sa.ForeignKeyConstraint(["secretary_id"], ["people.id"], name=op.f("fk_minutes_secretary_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_minutes")),
        sa.UniqueConstraint("consultation_id", name=op.f("uq_minutes_consultation_id")),
    )
    op.create_table(
        "outcomes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["people.id"], name=op.f("fk_outcomes_by_id")),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_outcomes_consultation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcomes")),
    )
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outcomes_consultation_id"), ["consultation_id"], unique=False)

    op.create_table(
        "questions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_questions_consultation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
        sa.UniqueConstraint("consultation_id", "number", name=op.f("uq_questions_consultation_id_number")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("specialist_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("starts_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("booked_by_id", sa.Integer(), nullable=False),
        sa.Column("begun_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_sessions_interval")),
        sa.ForeignKeyConstraint(["booked_by_id"], ["people.id"], name=op.f("fk_sessions_booked_by_id")),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_sessions_consultation_id")
        ),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_sessions_hospital_id")),
        sa.ForeignKeyConstraint(["specialist_id"], ["people.id"], name=op.f("fk_sessions_specialist_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("public_id", name=op.f("uq_sessions_public_id")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_consultation_id"), ["consultation_id"], unique=False)
        batch_op.create_index("ix_sessions_hospital_id_starts_at", ["hospital_id", "starts_at"], unique=False)
        batch_op.create_index(
            "ix_sessions_specialist_id_starts_at", ["specialist_id", "starts_at"], unique=False
        )
        batch_op.create_index("ix_sessions_starts_at", ["starts_at"], unique=False)

    op.create_table(
        "shared_studies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("added_by_id", sa.Integer(), nullable=False),
        sa.Column("added_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("removed_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("differences", sa.JSON(), nullable=False),
        sa.Column("accepted_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["accepted_by_id"], ["people.id"], name=op.f("fk_shared_studies_accepted_by_id")
        ),
        sa.ForeignKeyConstraint(["added_by_id"], ["people.id"], name=op.f("fk_shared_studies_added_by_id")),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_shared_studies_consultation_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_shared_studies_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_studies")),
        sa.UniqueConstraint(
            "consultation_id", "study_id", name=op.f("uq_shared_studies_consultation_id_study_id")
        ),
    )
    with op.batch_alter_table("shared_studies", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shared_studies_study_id"), ["study_id"], unique=False)

    op.create_table(
        "arrivals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.BigInteger(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_arrivals_person_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_arrivals_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrivals")),
        sa.UniqueConstraint("person_id", "study_id", name=op.f("uq_arrivals_person_id_study_id")),
    )
    with op.batch_alter_table("arrivals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_arrivals_study_id"), ["study_id"], unique=False)

    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("created_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["membership_id"], ["memberships.id"], name=op.f("fk_sign_ins_membership_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sign_ins_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_ins_token_hash")),
    )
    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_ins_person_id"), ["person_id"], unique=False)

    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["membership_id"], ["memberships.id"], name=op.f("fk_tokens_membership_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_tokens_token_hash")),
    )
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tokens_membership_id"), ["membership_id"], unique=False)

    op.create_table(
        "tickets",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("sign_in", sa.String(), nullable=False),
        sa.Column("expires_at", server.platform.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("used_at", server.platform.db.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["membership_id"], ["memberships.id"], name=op.f("fk_tickets_membership_id")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_tickets_session_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_tickets")),
    )


def downgrade() -> None:
    op.drop_table("tickets")
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tokens_membership_id"))

    op.drop_table("tokens")
    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_ins_person_id"))

    op.drop_table("sign_ins")
    with op.batch_alter_table("arrivals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_arrivals_study_id"))

    op.drop_table("arrivals")
    with op.batch_alter_table("shared_studies", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shared_studies_study_id"))

    op.drop_table("shared_studies")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index("ix_sessions_starts_at")
        batch_op.drop_index("ix_sessions_specialist_id_starts_at")
        batch_op.drop_index("ix_sessions_hospital_id_starts_at")
        batch_op.drop_index(batch_op.f("ix_sessions_consultation_id"))

    op.drop_table("sessions")
    op.drop_table("questions")
    with op.batch_alter_table("outcomes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outcomes_consultation_id"))

    op.drop_table("outcomes")
    op.drop_table("minutes")
    op.drop_table("mark_operations")
    op.drop_table("deliveries")
    op.drop_table("evidence")
    with op.batch_alter_table("lab_values", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lab_values_consultation_id"))

    op.drop_table("lab_values")
    with op.batch_alter_table("key_images", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_key_images_consultation_id"))

    op.drop_table("key_images")
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_grants_study_id"))
        batch_op.drop_index("ix_grants_hospital_id_ended_at")
        batch_op.drop_index(batch_op.f("ix_grants_consultation_id"))

    op.drop_table("grants")
    op.drop_table("draft_updates")
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_documents_consultation_id"))

    op.drop_table("documents")
    with op.batch_alter_table("addenda", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_addenda_consultation_id"))

    op.drop_table("addenda")
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_index("ix_memberships_hospital_id")

    op.drop_table("memberships")
    op.drop_table("links")
    with op.batch_alter_table("known_browsers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_browsers_person_id"))

    op.drop_table("known_browsers")
    op.drop_table("refused_files")
    op.drop_table("teaching_images")
    op.drop_table("teaching_copies")
    op.drop_table("storage_commitments")
    op.drop_table("retrievals")
    op.drop_table("pacs_connections")
    op.drop_table("earlier_codes")
    op.drop_table("dicom_peers")
    with op.batch_alter_table("consultations", schema=None) as batch_op:
        batch_op.drop_index("ix_consultations_target_hospital_id_stage")
        batch_op.drop_index("ix_consultations_hospital_id_stage")

    op.drop_table("consultations")
    op.drop_table("room_events")
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_people_name_key"))

    op.drop_table("people")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_sent_at"))

    op.drop_table("outbox")
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_index("ix_notices_person_id_seen_at")

    op.drop_table("notices")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("ix_jobs_done_at_run_at")

    op.drop_table("jobs")
    op.drop_table("hospitals")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("ix_events_at_id")
        batch_op.drop_index(batch_op.f("ix_events_consultation_id"))

    op.drop_table("events")
    op.drop_table("audit_heads")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_object")

    op.drop_table("audit")

    with op.batch_alter_table("instances", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_instances_study_id_sop_uid"))
        batch_op.drop_index(batch_op.f("ix_instances_sop_uid"))
        batch_op.drop_index(batch_op.f("ix_instances_blob"))

    op.drop_table("instances")
    op.drop_table("series")
    with op.batch_alter_table("studies", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_studies_owner_id_study_date"))
        batch_op.drop_index(batch_op.f("ix_studies_owner_id_received_at_ms"))
        batch_op.drop_index(batch_op.f("ix_studies_owner_id_patient_name_key"))
        batch_op.drop_index(batch_op.f("ix_studies_owner_id_patient_id"))
        batch_op.drop_index(batch_op.f("ix_studies_owner_id_accession_number"))

    op.drop_table("studies")
