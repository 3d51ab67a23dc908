"""Records from Salesforce into a person's workbook, which stays his."""
