"""Which words may stay in a text: those of radiology that name no person, and short figures. No word is kept
because it looks harmless; a device's or a doctor's own wording goes, and a person reads what is left.
"""

from __future__ import annotations

import re
from typing import Final

from dicom.deidentify.identity import Identity, words_of

# Words that are syllables of common Vietnamese names (van, quang, tim …) are left out on purpose.
_WORDS: Final = frozenset(
    """
    abd abdomen abdominal acquisition adc adult angio angiography angle ankle aorta ap apical
    arterial artery ax axial axis bang body bone brain breast bright bung bypass cardiac carotid cat
    cerebral cervical chau chest child chup clavicle cm co coil collimator colon column contrast cor
    coronal coronary cot cr cranial cranium ct cta ctp cube cycle dau deep delay delayed diastole
    diffusion digital doppler dose dual duoi dwi dx dynamic echo elbow enhanced epi exam examination
    extremity facial fast fat fatsat femur field fine finger fl flair flash flow fluoro foot foramen
    forearm fov frontal fse full fundus gan goi gradient gre hand head heart hepatic high hip hu
    humerus image imaging inspiration iodine iv joint kernel khong khop khuyu kidney knee kv lach
    lao lat lateral left leg liver ll localiser localizer lop low lower lpo lumbar lung lungs ma
    mach mammo mandible mat maxilla mediastinum mip mm mode mono mpr mr mra mri ms mui multi nao
    nasal native neck nghieng nguc niu nm noise none normal obl oblique orbit ovary pa palette
    pancreas parenchyma pd pediatric pelvis perfusion pet phai phase phim phoi plain plane po portal
    position post posterior pre prone prostate protocol pulmonary radiation radiography range rao
    ray reconstruction reformat renal resolution rib right rpo s sag sagittal saturation sau scan
    scapula scout section sequence series shoulder sieu sinus skull slice so soft space spectral
    spin spine spleen stack standard stir stomach stress study supine suv swi systole t temporal
    that thick thickness thin thoracic thorax thuoc thyroid tibia tiem time tissue toe tof tomo
    topogram tr tra trai transverse trauma tren triple truoc tse tumor turbo ultrasound upper ureter
    us uterus vai vascular vein venous vessel view volume vrt water weighted window with without wo
    wrist xa xoang xoay xray xuong
    """.split()  # noqa: SIM905
)
_FIGURE: Final = re.compile(
    r"[0-9]{1,3}([.][0-9]{1,2})?(mm|cm|kv|kvp|ma|mas|t|s|ms|hu|d|%)?|[a-z][0-9]{1,2}[a-z]?"
)
_TOKEN: Final = re.compile(r"[^\s^_/\\,;:()\[\]+=|-]+")
_MAX_DIGITS: Final = 8  # more of them in one text may be somebody's number, cut into pieces
DUMMY: Final = "ANONYMIZED"


def cleaned(text: str, identity: Identity) -> str:
    """The words that may stay, a blank between them; "" where none may."""
    kept = [word for word in _TOKEN.findall(text) if _may_stay(word, identity)]
    if sum(letter.isdigit() for word in kept for letter in word) > _MAX_DIGITS:
        kept = [word for word in kept if not any(letter.isdigit() for letter in word)]
    joined = " ".join(kept)
    return "" if identity.is_in(joined) or not any(map(str.isalpha, joined)) else joined


def _may_stay(word: str, identity: Identity) -> bool:
    parts = words_of(word)
    if any(map(identity.has_word, parts)):
        return False
    # A figure is plain ASCII to the letter: digits of other scripts are no figures of a protocol.
    if word.isascii() and _FIGURE.fullmatch(word.lower()):
        return True
    return len(parts) == 1 and parts[0] in _WORDS
