// What Cloudscape's FileUpload says.
export const CHOOSE_FILE = {
  uploadButtonText: () => "Choose a file",
  dropzoneText: () => "Drop the file here",
  removeFileAriaLabel: () => "Remove the file",
  limitShowFewer: "Fewer",
  limitShowMore: "More",
  errorIconAriaLabel: "Error",
};
