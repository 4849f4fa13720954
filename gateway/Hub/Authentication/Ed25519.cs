using System.Runtime.InteropServices;

namespace Mooring.Gateway.Hub.Authentication;

/// <summary>Ed25519 (RFC 8032) by OpenSSL: .NET has no such signatures. See EVP_PKEY-ED25519 in section 7 of its man pages.</summary>
internal static unsafe partial class Ed25519
{
    public const int KeyBytes = 32;
    public const int SignatureBytes = 64;

    private const string Crypto = "libcrypto.so.3";
    private const int KeyType = 1087; // EVP_PKEY_ED25519

    /// <summary>Whether the signature of the data is by the holder of the key. Thread-safe.</summary>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        if (publicKey.Length != KeyBytes || signature.Length != SignatureBytes)
        {
            return false;
        }

        nint key;
        fixed (byte* raw = publicKey)
        {
            key = NewPublicKey(KeyType, 0, raw, (nuint)publicKey.Length);
        }

        var context = key == 0 ? 0 : NewContext();
        try
        {
            if (context == 0 || VerifyInit(context, null, 0, 0, key) != 1)
            {
                return false;
            }

            fixed (byte* signed = signature)
            fixed (byte* message = data)
            {
                return DigestVerify(context, signed, (nuint)signature.Length, message, (nuint)data.Length) == 1;
            }
        }
        finally
        {
            FreeContext(context);
            FreeKey(key);
            // Of this thread: what stays in it, a TLS connection's next call would take for its own.
            ClearErrors();
        }
    }

    [LibraryImport(Crypto, EntryPoint = "EVP_PKEY_new_raw_public_key")]
    private static partial nint NewPublicKey(int type, nint engine, byte* key, nuint length);

    [LibraryImport(Crypto, EntryPoint = "EVP_PKEY_free")]
    private static partial void FreeKey(nint key);

    [LibraryImport(Crypto, EntryPoint = "EVP_MD_CTX_new")]
    private static partial nint NewContext();

    [LibraryImport(Crypto, EntryPoint = "EVP_MD_CTX_free")]
    private static partial void FreeContext(nint context);

    [LibraryImport(Crypto, EntryPoint = "EVP_DigestVerifyInit")]
    private static partial int VerifyInit(nint context, nint* keyContext, nint digest, nint engine, nint key);

    [LibraryImport(Crypto, EntryPoint = "EVP_DigestVerify")]
    private static partial int DigestVerify(nint context, byte* signature, nuint signatureLength, byte* data, nuint length);

    [LibraryImport(Crypto, EntryPoint = "ERR_clear_error")]
    private static partial void ClearErrors();
}
