using System.Runtime.InteropServices;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>TLS 1.3 on the client sides of a load: the same group and cipher whatever the server prefers, so that all do the same work.</summary>
/// <remarks>The server's certificate is not verified: that is the client's work, and only the server's counts. Used by one thread.</remarks>
internal sealed unsafe class TlsEnds : IDisposable
{
    // The connection that OpenSSL is at work on, and the last session of each: the callback has no other place to find them.
    private static int _current;
    private static nint[] _sessions = [];

    private readonly nint _context;
    private readonly nint[] _ssl;
    private readonly bool[] _offered;

    public TlsEnds(int connections, LoadTls tls)
    {
        _ssl = new nint[connections];
        _offered = new bool[connections];
        _context = OpenSsl.ContextNew(OpenSsl.ClientMethod());
        _ = OpenSsl.ContextControl(_context, OpenSsl.ControlMinVersion, OpenSsl.Tls13, null);
        _ = OpenSsl.ContextControl(_context, OpenSsl.ControlMode, OpenSsl.Modes, null);
        // nginx ends without a close_notify; whether all bytes came is counted anyhow.
        _ = OpenSsl.ContextSetOptions(_context, OpenSsl.IgnoreUnexpectedEnd);
        _ = OpenSsl.ContextSetSuites(_context, "TLS_AES_128_GCM_SHA256");
        fixed (byte* groups = "X25519\0"u8)
        {
            _ = OpenSsl.ContextControl(_context, OpenSsl.ControlGroups, 0, groups);
        }

        _sessions = new nint[connections];
        if (tls == LoadTls.Resumed)
        {
            _ = OpenSsl.ContextControl(_context, OpenSsl.ControlCacheMode, OpenSsl.CacheClient, null);
            OpenSsl.ContextSetNewSession(_context, (delegate* unmanaged<nint, nint, int>)&OnSession);
        }
    }

    /// <summary>Starts on a connection that is being made.</summary>
    public void Open(int index, int descriptor)
    {
        var ssl = OpenSsl.New(_context);
        _ = OpenSsl.SetDescriptor(ssl, descriptor);
        OpenSsl.SetConnect(ssl);
        _offered[index] = _sessions[index] != 0;
        if (_offered[index])
        {
            // Good for one connection; the server gives another.
            _ = OpenSsl.SetSession(ssl, _sessions[index]);
            DropSession(index);
        }

        _ssl[index] = ssl;
    }

    /// <summary>Goes on with the handshake. True once it is over.</summary>
    /// <exception cref="LoadFailedException">It failed, or was a full one where a session was offered.</exception>
    public bool Shake(int index)
    {
        _current = index;
        OpenSsl.ClearErrors();
        var result = OpenSsl.Handshake(_ssl[index]);
        if (result == 1)
        {
            return !_offered[index] || OpenSsl.IsResumed(_ssl[index]) == 1
                ? true
                : throw new LoadFailedException($"connection {index}: the server did not resume the session");
        }

        return OpenSsl.GetError(_ssl[index], result) is OpenSsl.WantRead or OpenSsl.WantWrite
            ? false
            : throw new LoadFailedException($"connection {index}: the TLS handshake failed");
    }

    public nint Send(int index, void* bytes, nint length)
    {
        OpenSsl.ClearErrors();
        var sent = 0;
        while (sent < length)
        {
            var count = OpenSsl.Write(_ssl[index], (byte*)bytes + sent, (int)length - sent);
            if (count <= 0)
            {
                return Fail(index, count, sent);
            }

            sent += count;
        }

        return sent;
    }

    public nint Receive(int index, void* bytes, nint length)
    {
        _current = index;
        OpenSsl.ClearErrors();
        var count = OpenSsl.Read(_ssl[index], bytes, (int)length);
        return count > 0 ? count : Fail(index, count, 0);
    }

    /// <summary>close_notify: the end that a server may take for one.</summary>
    public void End(int index) => _ = OpenSsl.Shutdown(_ssl[index]);

    public void Close(int index)
    {
        _ = OpenSsl.Shutdown(_ssl[index]);
        OpenSsl.Free(_ssl[index]);
        _ssl[index] = 0;
    }

    public void Dispose()
    {
        for (var i = 0; i < _ssl.Length; i++)
        {
            DropSession(i);
        }

        OpenSsl.ContextFree(_context);
    }

    [UnmanagedCallersOnly]
    private static int OnSession(nint ssl, nint session)
    {
        DropSession(_current);
        _sessions[_current] = session;
        return 1;
    }

    private static void DropSession(int index)
    {
        if (_sessions[index] != 0)
        {
            OpenSsl.SessionFree(_sessions[index]);
            _sessions[index] = 0;
        }
    }

    /// <summary>As the system call: -1 with EAGAIN, 0 at the end.</summary>
    private nint Fail(int index, int count, int sent)
    {
        var error = OpenSsl.GetError(_ssl[index], count);
        if (error == OpenSsl.ZeroReturn)
        {
            return 0;
        }

        Marshal.SetLastPInvokeError(error is OpenSsl.WantRead or OpenSsl.WantWrite ? Libc.EAGAIN : Libc.EPROTO);
        return sent > 0 ? sent : -1;
    }
}
