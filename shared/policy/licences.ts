// Licences that HPKI certificates name in English, by their Japanese names: national qualifications and those
// who answer for an institution. The names are those of the HPKI certificate policy; of `Medical Doctor` and
// `Pharmacist` certificates were read, of the others none.
import { oids } from '#shared/oid.ts';

const names: ReadonlyMap<string, string> = new Map([
  ['Medical Doctor', '医師'],
  ['Dentist', '歯科医師'],
  ['Pharmacist', '薬剤師'],
  ['Medical Technologist', '臨床検査技師'],
  ['Radiological Technologist', '診療放射線技師'],
  ['General Nurse', '看護師'],
  ['Public Health Nurse', '保健師'],
  ['Midwife', '助産師'],
  ['Physical Therapist', '理学療法士'],
  ['Occupational Therapist', '作業療法士'],
  ['Orthoptist', '視能訓練士'],
  ['Speech Therapist', '言語聴覚士'],
  ['Dental Technician', '歯科技工士'],
  ['Dental Hygienist', '歯科衛生士'],
  ['National Registered Dietitian', '管理栄養士'],
  ['Certified Social Worker', '社会福祉士'],
  ['Certified Care Worker', '介護福祉士'],
  ['Psychiatric Social Worker', '精神保健福祉士'],
  ['Emergency Medical Technician', '救急救命士'],
  ['Clinical Engineer', '臨床工学技士'],
  ['Masseur', 'あん摩マッサージ指圧師'],
  ['Acupuncturist', 'はり師'],
  ['Moxibustion Practitioner', 'きゅう師'],
  ['Prosthetics & Orthotic', '義肢装具士'],
  ['Director of Hospital', '病院長'],
  ['Director of Clinic', '診療所院長'],
  ['Supervisor of Pharmacy', '管理薬剤師'],
  ['Proprietor of Pharmacy', '薬局開設者'],
  ['Director', '保健医療福祉機関の管理責任者'],
]);

const japanese = new Set(names.values());

/** A licence as reports show it. `ja` is the name itself where no other is known. */
export type Licence = { readonly name: string; readonly ja: string };

/**
 * The licence of a role. Of another coding scheme than HPKI's the name means what that scheme says, which
 * is not known here: it is shown and meets no demand.
 */
export function licenceOf(role: { readonly codingScheme: string; readonly name: string }): Licence {
  const isHpki = role.codingScheme === oids.idJhpkiCdata;
  const ja = isHpki ? names.get(role.name) : undefined;
  return { name: role.name, ja: ja ?? `${role.name} (${role.codingScheme})` };
}

/** Whether a name, in English or Japanese, is one that can be demanded. */
export function isKnownLicence(name: string): boolean {
  return names.has(name) || japanese.has(name);
}

/** The Japanese names of what a document class demands, each given in either language. */
export function demandedLicences(required: readonly string[]): readonly string[] {
  return required.map((name) => names.get(name) ?? name);
}
