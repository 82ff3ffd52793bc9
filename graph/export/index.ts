/** A person's data, read for an export. */

export {
  exportedAddresses,
  exportedAttempts,
  exportedBehavioralProfiles,
  exportedContests,
  exportedDevices,
  exportedIdentifiers,
  exportedMethods,
  exportedNotes,
  exportedNotices,
  exportedObligations,
  exportedSuggestions,
  readExportProfile,
  readExportVersion,
  type StoredMethod,
  type StoredObligation,
  type StoredPart,
} from './read-export.ts';
