import ArgumentParser
import Crypto
import X509
import Console

print(version)
