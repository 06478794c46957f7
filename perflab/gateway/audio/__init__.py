"""What the gateway does to audio on its way: conversion, level, speech, end of turn, silence that need not go up."""
