using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mooring.Operator.Run;

/// <summary>Has OpenSSL keep a connection's two buffers, of some 17 KB each, only while there is something in them.</summary>
/// <remarks>
/// .NET does not ask for it (SSL_MODE_RELEASE_BUFFERS, see SSL_CTX_set_mode(3)), nor does it give its contexts away. OpenSSL itself tells who asks for it of each
/// context that is made (CRYPTO_get_ex_new_index(3)), those of .NET among them. Where there is another OpenSSL than version 3, all stays as it was.
/// </remarks>
internal static unsafe partial class TlsBuffers
{
    // openssl/crypto.h and openssl/ssl.h.
    private const int ClassOfContexts = 1;
    private const int ControlMode = 33;
    private const int ReleaseBuffers = 0x10;

    private static readonly Lazy<bool> Asked = new(Ask);

    /// <summary>For all contexts of this process that are made from now on. Returns whether it is so. Thread-safe.</summary>
    public static bool Release() => Asked.Value;

    private static bool Ask()
    {
        try
        {
            // Whatever is told to nobody would make each context fail.
            return NativeLibrary.TryLoad(Ssl, out var library)
                && NativeLibrary.TryGetExport(library, "SSL_CTX_ctrl", out _)
                && NewIndex(ClassOfContexts, 0, null, &OnContext, null, null) >= 0;
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnContext(nint context, nint data, nint all, int index, nint number, nint argument) =>
        _ = ContextControl(context, ControlMode, ReleaseBuffers, null);

    private const string Ssl = "libssl.so.3";

    [LibraryImport("libcrypto.so.3", EntryPoint = "CRYPTO_get_ex_new_index")]
    private static partial int NewIndex(
        int kind,
        nint number,
        void* argument,
        delegate* unmanaged[Cdecl]<nint, nint, nint, int, nint, nint, void> made,
        void* copied,
        void* freed
    );

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_ctrl")]
    private static partial nint ContextControl(nint context, int command, nint number, void* pointer);
}
