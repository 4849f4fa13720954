using System.Runtime.InteropServices;

namespace Mooring.Benchmarks.Sockets;

/// <summary>The calls of OpenSSL 3 that the load generator's TLS clients are made of.</summary>
internal static unsafe partial class OpenSsl
{
    public const int WantRead = 2;
    public const int WantWrite = 3;
    public const int ZeroReturn = 6;
    public const int ControlMode = 33;
    public const int ControlCacheMode = 44;
    public const int ControlGroups = 92;
    public const int ControlMinVersion = 123;
    public const int Tls13 = 0x0304;

    /// <summary>Partial writes, moving buffers, buffers released while idle.</summary>
    public const int Modes = 1 | 2 | 16;

    /// <summary>Sessions are told to a callback, and not stored.</summary>
    public const int CacheClient = 0x301;

    [LibraryImport("libssl.so.3", EntryPoint = "TLS_client_method")]
    public static partial nint ClientMethod();

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_CTX_new")]
    public static partial nint ContextNew(nint method);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_CTX_free")]
    public static partial void ContextFree(nint context);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_CTX_ctrl")]
    public static partial long ContextControl(nint context, int command, long number, void* pointer);

    /// <summary>SSL_OP_IGNORE_UNEXPECTED_EOF.</summary>
    public const ulong IgnoreUnexpectedEnd = 1 << 7;

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_CTX_set_options")]
    public static partial ulong ContextSetOptions(nint context, ulong options);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_CTX_set_ciphersuites", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ContextSetSuites(nint context, string list);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_CTX_sess_set_new_cb")]
    public static partial void ContextSetNewSession(nint context, void* callback);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_new")]
    public static partial nint New(nint context);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_free")]
    public static partial void Free(nint ssl);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_set_fd")]
    public static partial int SetDescriptor(nint ssl, int descriptor);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_set_connect_state")]
    public static partial void SetConnect(nint ssl);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_set_session")]
    public static partial int SetSession(nint ssl, nint session);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_session_reused")]
    public static partial int IsResumed(nint ssl);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_SESSION_free")]
    public static partial void SessionFree(nint session);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_do_handshake")]
    public static partial int Handshake(nint ssl);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_read")]
    public static partial int Read(nint ssl, void* buffer, int length);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_write")]
    public static partial int Write(nint ssl, void* buffer, int length);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_shutdown")]
    public static partial int Shutdown(nint ssl);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_get_error")]
    public static partial int GetError(nint ssl, int result);

    [LibraryImport("libcrypto.so.3", EntryPoint = "ERR_clear_error")]
    public static partial void ClearErrors();
}
