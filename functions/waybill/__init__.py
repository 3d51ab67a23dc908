"""Waybill: what runs in AWS Lambda."""
