using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Mooring.Gateway.Registry.Redis;

/// <summary>Asks a Redis server or Sentinel one question over a connection of its own: what the client library cannot ask a Sentinel.</summary>
/// <remarks>RESP2, https://redis.io/docs/latest/develop/reference/protocol-spec/. Thread-safe. Whatever the peer sends, no more than 64 KiB is read.</remarks>
internal static class RespProbe
{
    private const int MaxReply = 64 * 1024;
    private const int MaxItems = 1024;

    /// <summary>The reply: text, or a list's items; an item that is no text is null.</summary>
    /// <exception cref="IOException">No connection, not RESP, longer than allowed, or the server's own error.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, which is also how a deadline comes.</exception>
    public static async Task<IReadOnlyList<string?>> AskAsync(
        DnsEndPoint address,
        RedisTls? tls,
        string? password,
        IReadOnlyList<string> command,
        CancellationToken cancellation
    )
    {
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(address.Host, address.Port, cancellation);
            await using Stream raw = new NetworkStream(socket);
            await using var stream = tls is null ? raw : await SecureAsync(raw, address, tls, cancellation);
            var reply = await AskAsync(stream, command, cancellation);
            if (reply.Error?.StartsWith("NOAUTH", StringComparison.Ordinal) == true && password is not null)
            {
                // Only where asked for: a Sentinel without a password of its own takes AUTH for an error.
                var authenticated = await AskAsync(stream, ["AUTH", password], cancellation);
                reply = authenticated.Error is null ? await AskAsync(stream, command, cancellation) : authenticated;
            }

            return reply.Error is null ? reply.Items : throw new IOException(reply.Error);
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
        catch (System.Security.Authentication.AuthenticationException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    private static async Task<Stream> SecureAsync(Stream raw, DnsEndPoint address, RedisTls tls, CancellationToken cancellation)
    {
        var secure = new SslStream(raw, leaveInnerStreamOpen: false, TlsTrust.Load(tls.CaFile));
        try
        {
            await secure.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions { TargetHost = tls.ServerName ?? address.Host },
                cancellation
            );
            return secure;
        }
        catch
        {
            await secure.DisposeAsync();
            throw;
        }
    }

    private static async Task<Reply> AskAsync(Stream stream, IReadOnlyList<string> command, CancellationToken cancellation)
    {
        var text = new StringBuilder().Append('*').Append(command.Count).Append("\r\n");
        foreach (var part in command)
        {
            text.Append('$').Append(Encoding.UTF8.GetByteCount(part)).Append("\r\n").Append(part).Append("\r\n");
        }

        await stream.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()), cancellation);
        var buffer = new byte[4096];
        var length = 0;
        while (true)
        {
            if (length == buffer.Length)
            {
                if (length >= MaxReply)
                {
                    throw new IOException($"the reply is longer than {MaxReply} bytes");
                }

                Array.Resize(ref buffer, buffer.Length * 2);
            }

            var read = await stream.ReadAsync(buffer.AsMemory(length), cancellation);
            if (read == 0)
            {
                throw new IOException("the connection ended within the reply");
            }

            length += read;
            if (TryRead(buffer.AsSpan(0, length)) is { } reply)
            {
                return reply;
            }
        }
    }

    /// <summary>The reply, null while it is not whole. For texts, numbers, errors, and lists of texts and numbers.</summary>
    /// <exception cref="IOException">Not RESP, or of another form; says at which byte.</exception>
    internal static Reply? TryRead(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        if (!TryLine(bytes, ref at, out var kind, out var line))
        {
            return null;
        }

        if (kind == '-')
        {
            return new Reply([], line);
        }

        if (kind != '*')
        {
            at = 0;
            return TryItem(bytes, ref at, out var only) ? new Reply([only], null) : null;
        }

        var count = Number(line, MaxItems, 0);
        var items = new List<string?>();
        for (var i = 0; i < count; i++)
        {
            if (!TryItem(bytes, ref at, out var item))
            {
                return null;
            }

            items.Add(item);
        }

        // -1, no list at all, is how a Sentinel says that it knows no such master.
        return new Reply(items, null);
    }

    private static bool TryItem(ReadOnlySpan<byte> bytes, ref int at, out string? item)
    {
        item = null;
        var start = at;
        if (!TryLine(bytes, ref at, out var kind, out var line))
        {
            return false;
        }

        switch ((char)kind)
        {
            case '+' or ':' or '-':
                item = line;
                return true;
            case '$':
                var length = Number(line, MaxReply, start);
                if (length < 0)
                {
                    return true;
                }

                if (bytes.Length - at < length + 2)
                {
                    return false;
                }

                item = Encoding.UTF8.GetString(bytes.Slice(at, length));
                at += length + 2;
                return true;
            case '*':
                // A list within a list, such as the replicas of ROLE: skipped.
                var count = Number(line, MaxItems, start);
                for (var i = 0; i < count; i++)
                {
                    if (!TryItem(bytes, ref at, out _))
                    {
                        return false;
                    }
                }

                return true;
            default:
                throw new IOException($"byte {start}: '{(char)kind}' begins no reply");
        }
    }

    private static bool TryLine(ReadOnlySpan<byte> bytes, ref int at, out byte kind, out string line)
    {
        (kind, line) = (0, "");
        var end = bytes[at..].IndexOf("\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        if (end == 0)
        {
            throw new IOException($"byte {at}: an empty line begins no reply");
        }

        kind = bytes[at];
        line = Encoding.UTF8.GetString(bytes.Slice(at + 1, end - 1));
        at += end + 2;
        return true;
    }

    private static int Number(string text, int max, int at) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= -1 && number <= max
            ? number
            : throw new IOException($"byte {at}: a length of {(text.Length > 20 ? text[..20] : text)}; at most {max}");

    /// <param name="Items">Of the list; one for a single value.</param>
    /// <param name="Error">The server's own; null: none.</param>
    internal sealed record Reply(IReadOnlyList<string?> Items, string? Error);
}
