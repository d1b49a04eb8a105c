"""What a holder reads for the fields of a profile, in a mail."""

from models.profiles import Language

FR, EN = Language.FR, Language.EN

FIELDS: dict[str, dict[Language, str]] = {
    "firstName": {FR: "prénom", EN: "first name"},
    "lastName": {FR: "nom", EN: "last name"},
    "organisation": {FR: "organisation", EN: "organisation"},
    "legalForm": {FR: "forme juridique", EN: "legal form"},
    "country": {FR: "pays", EN: "country"},
    "address.line": {FR: "rue et numéro", EN: "street and number"},
    "address.zip": {FR: "code postal", EN: "postal code"},
    "address.city": {FR: "ville", EN: "city"},
    "address.area": {FR: "région", EN: "area"},
    "phone": {FR: "téléphone", EN: "phone number"},
    "language": {FR: "langue", EN: "language"},
    "vatNumber": {FR: "numéro de TVA", EN: "VAT number"},
    "nationalIdentificationNumber": {
        FR: "numéro national d’identification",
        EN: "national identification number",
    },
}
