// Hot path: every handshake. See tests/benchmarks.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>What OpenSSL asks back in the middle of a call.</summary>
/// <remarks>No exception may leave any of them, so none does anything that can throw.</remarks>
internal static unsafe class TlsCallbacks
{
    /// <summary>Whose handshake it is that this thread is in.</summary>
    [ThreadStatic]
    private static TlsServer? _server;

    [ThreadStatic]
    private static TlsSessions? _sessions;

    private static readonly nint TicketCipher = OpenSsl.CipherFetch(0, "AES-256-CBC", 0);
    private static readonly MacParameter* MacDigest = MakeMacParameters();

    /// <summary>Set around every handshake of a server.</summary>
    public static TlsServer? Server
    {
        set => _server = value;
    }

    /// <summary>Where this thread keeps the sessions that backends give; set once per loop.</summary>
    public static TlsSessions? Sessions
    {
        set => _sessions = value;
    }

    /// <summary>The client's name was not among the certificates' in this thread's last handshake.</summary>
    [field: ThreadStatic]
    public static bool NameUnknown { get; set; }

    public static void* ServerName => (delegate* unmanaged<nint, int*, void*, int>)&OnServerName;

    public static void* SelectProtocol => (delegate* unmanaged<nint, byte**, byte*, byte*, uint, void*, int>)&OnSelectProtocol;

    public static void* TicketKey => (delegate* unmanaged<nint, byte*, byte*, nint, nint, int, int>)&OnTicketKey;

    public static void* NewSession => (delegate* unmanaged<nint, nint, int>)&OnNewSession;

    [UnmanagedCallersOnly]
    private static int OnServerName(nint ssl, int* alert, void* argument)
    {
        var name = OpenSsl.ServerName(ssl, 0);
        if (name == null || _server is not { } server)
        {
            return SslAnswer.NoAck;
        }

        var bytes = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name);
        if (server.Find(bytes) is not { } context)
        {
            NameUnknown = true;
            // The first certificate: the client judges (RFC 6066 §3 leaves the choice).
            return SslAnswer.NoAck;
        }

        if (context != server.Default)
        {
            _ = OpenSsl.SetContext(ssl, context.Value);
        }

        GC.KeepAlive(context);
        return SslAnswer.Ok;
    }

    [UnmanagedCallersOnly]
    private static int OnSelectProtocol(nint ssl, byte** chosen, byte* chosenLength, byte* offered, uint offeredLength, void* list)
    {
        var length = *(int*)list;
        const int Negotiated = 1;
        return OpenSsl.SelectProtocol(chosen, chosenLength, (byte*)list + sizeof(int), (uint)length, offered, offeredLength) == Negotiated
            ? SslAnswer.Ok
            : SslAnswer.Fatal;
    }

    /// <summary>SSL_CTX_set_tlsext_ticket_key_evp_cb(3): -1 error, 0 no such key, 1 go on, 2 go on and give a new ticket.</summary>
    [UnmanagedCallersOnly]
    private static int OnTicketKey(nint ssl, byte* name, byte* iv, nint cipher, nint mac, int seal)
    {
        const int IvBytes = 16;
        if (_server?.Tickets is not { } keys)
        {
            return 0;
        }

        byte* key;
        var current = true;
        if (seal != 0)
        {
            key = keys.Sealing(OpenSsl.Version(ssl) == SslVersion.Tls13);
            if (OpenSsl.Random(iv, IvBytes) != 1)
            {
                return -1;
            }

            Unsafe.CopyBlock(name, key, TicketKeys.NameBytes);
            _ = OpenSsl.EncryptInit(cipher, TicketCipher, 0, key + TicketKeys.NameBytes, iv);
        }
        else
        {
            key = keys.Find(new ReadOnlySpan<byte>(name, TicketKeys.NameBytes), out current);
            if (key == null)
            {
                return 0;
            }

            _ = OpenSsl.DecryptInit(cipher, TicketCipher, 0, key + TicketKeys.NameBytes, iv);
        }

        // A client of TLS 1.3 uses a ticket once (RFC 8446 §C.4), so it needs another for the time after.
        current &= seal != 0 || OpenSsl.Version(ssl) != SslVersion.Tls13;
        var parameters = stackalloc MacParameter[3];
        parameters[0] = MacDigest[0];
        parameters[0].Data = key + TicketKeys.NameBytes + TicketKeys.SecretBytes;
        parameters[0].Bytes = TicketKeys.SecretBytes;
        parameters[1] = MacDigest[1];
        parameters[2] = default;
        var set = OpenSsl.MacSetParameters(mac, parameters);
        GC.KeepAlive(keys);
        return set != 1 ? -1
            : current ? 1
            : 2;
    }

    /// <summary>SSL_CTX_sess_set_new_cb(3): 1 keeps the reference.</summary>
    [UnmanagedCallersOnly]
    private static int OnNewSession(nint ssl, nint session) => _sessions?.Keep(OpenSsl.GetDescriptor(ssl), session) == true ? 1 : 0;

    /// <summary>Names and kinds of the two parameters of HMAC, in memory that stays.</summary>
    private static MacParameter* MakeMacParameters()
    {
        const uint Utf8 = 4;
        const uint Octets = 5;
        var parameters = (MacParameter*)NativeMemory.AllocZeroed(2, (nuint)sizeof(MacParameter));
        parameters[0] = new MacParameter { Name = (byte*)Marshal.StringToCoTaskMemUTF8("key"), Kind = Octets };
        parameters[1] = new MacParameter
        {
            Name = (byte*)Marshal.StringToCoTaskMemUTF8("digest"),
            Kind = Utf8,
            Data = (byte*)Marshal.StringToCoTaskMemUTF8("SHA256"),
            Bytes = 6,
        };
        return parameters;
    }

    /// <summary><c>OSSL_PARAM</c> of openssl/core.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MacParameter
    {
        public byte* Name;
        public uint Kind;
        public byte* Data;
        public nuint Bytes;
        public nuint Returned;
    }
}
