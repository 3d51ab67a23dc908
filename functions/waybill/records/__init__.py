"""Workbooks, CSV files and data plans into Salesforce objects, and back."""
