using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>An <c>SSL_CTX</c>. Connections made from it hold a reference of their own, so it may go while they live on.</summary>
/// <remarks>
/// Freed by the finalizer, never by hand: a loop may be about to make a connection from one that a reload has just replaced. Whoever uses
/// <see cref="Value"/> keeps this object alive meanwhile. Thread-safe once it is built.
/// </remarks>
internal sealed class SslContext : SafeHandle
{
    /// <summary>Free memory that the allocator keeps at the end of each loop's arena.</summary>
    /// <remarks>
    /// OpenSSL's buffers come and go with each record; at the default of 128 KiB the pages under them would be given back to the kernel
    /// and faulted in again all the time (5 % of the CPU of bulk transfers). Set once TLS is used at all.
    /// </remarks>
    private static readonly int AllocatorKeeps = Libc.AllocatorOption(-1, 16 << 20);

    private SslContext(nint value)
        : base(0, ownsHandle: true) => SetHandle(value);

    public override bool IsInvalid => handle == 0;

    public nint Value => handle;

    /// <summary>A context with everything that servers and clients have in common.</summary>
    /// <exception cref="OpenSslException">Out of memory, or a broken OpenSSL configuration.</exception>
    /// <exception cref="DllNotFoundException">OpenSSL 3 is not installed.</exception>
    public static unsafe SslContext Create(bool server, int minVersion)
    {
        _ = AllocatorKeeps;
        OpenSsl.ClearErrors();
        var context = new SslContext(OpenSsl.ContextNew(server ? OpenSsl.ServerMethod() : OpenSsl.ClientMethod()));
        if (context.IsInvalid)
        {
            throw OpenSslException.Take("SSL_CTX_new");
        }

        var value = context.Value;
        context.Control(SslControl.MinVersion, minVersion);
        _ = OpenSsl.ContextSetOptions(
            value,
            // Renegotiation: CVE-2009-3555, and handshakes for free for whoever wants to burden a server. Compression: CRIME.
            // An end without close_notify: the connection is not broken by it, since the other direction may go on; TlsIo sees it.
            SslOption.NoRenegotiation
                | SslOption.IgnoreUnexpectedEnd
                | SslOption.NoCompression
                | (server ? SslOption.ServerPreference | SslOption.PrioritizeChaCha : 0)
        );
        // Partial writes and a buffer that may have moved since: what was not taken waits in a buffer of ours.
        context.Control(SslControl.Mode, SslMode.PartialWrite | SslMode.MovingBuffer | SslMode.ReleaseBuffers);
        // Forward secrecy and authenticated encryption only: Mozilla's "intermediate" list without finite-field Diffie-Hellman.
        Must(OpenSsl.ContextSetCiphers(value, "ECDHE+AESGCM:ECDHE+CHACHA20"), "ciphers");
        Must(
            OpenSsl.ContextSetSuites(value, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"),
            "cipher suites"
        );
        fixed (byte* groups = "X25519:P-256:P-384\0"u8)
        {
            Must((int)OpenSsl.ContextControl(value, SslControl.Groups, 0, groups), "groups");
        }

        // One read of the socket for several records; the buffer exists only while there is something in it.
        context.Control(SslControl.ReadAhead, 1);
        OpenSsl.ContextSetReadBuffer(value, ReadBufferBytes);
        context.Control(SslControl.MaxCertificateList, MaxCertificateBytes);
        return context;
    }

    public unsafe void Control(int command, long number) => _ = OpenSsl.ContextControl(handle, command, number, null);

    /// <summary>Throws what OpenSSL says where a call has failed.</summary>
    public static void Must(int result, string what)
    {
        if (result != 1)
        {
            throw OpenSslException.Take(what);
        }
    }

    protected override bool ReleaseHandle()
    {
        OpenSsl.ContextFree(handle);
        return true;
    }

    /// <summary>Bytes read from a socket at a time.</summary>
    public const int ReadBufferBytes = 32 * 1024;

    /// <summary>Longest chain of certificates taken from the other end.</summary>
    private const int MaxCertificateBytes = 32 * 1024;
}
