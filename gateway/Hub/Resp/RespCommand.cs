using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>One argument of a command. Texts go as UTF-8, numbers as their digits.</summary>
internal readonly struct RespArgument
{
    /// <summary>Stands for <see cref="RespServer.RunId"/> of whichever server the command goes to.</summary>
    public static readonly RespArgument RunId = new string('0', RespServer.RunIdLength);

    private readonly string? _text;
    private readonly ReadOnlyMemory<byte> _bytes;

    private RespArgument(string? text, ReadOnlyMemory<byte> bytes)
    {
        _text = text;
        _bytes = bytes;
    }

    /// <summary>It is <see cref="RunId"/>.</summary>
    public bool IsRunId => ReferenceEquals(_text, RunId._text);

    public int Length => _text is null ? _bytes.Length : Encoding.UTF8.GetByteCount(_text);

    public static implicit operator RespArgument(string text) => new(text, default);

    public static implicit operator RespArgument(byte[] bytes) => new(null, bytes);

    public static implicit operator RespArgument(ReadOnlyMemory<byte> bytes) => new(null, bytes);

    public static implicit operator RespArgument(long number) => new(number.ToString(CultureInfo.InvariantCulture), default);

    public void CopyTo(Span<byte> target)
    {
        if (_text is null)
        {
            _bytes.Span.CopyTo(target);
        }
        else
        {
            Encoding.UTF8.GetBytes(_text, target);
        }
    }
}

/// <summary>A command as it goes to the server. Immutable but for the server's name, where that is an argument; such a one is sent by one thread at a time.</summary>
internal sealed class RespCommand
{
    private readonly byte[] _bytes;
    private readonly int _runIdAt;

    private RespCommand(ReadOnlySpan<RespArgument> parts, int slot)
    {
        _bytes = Encode(parts, out _runIdAt);
        Slot = slot;
    }

    public ReadOnlyMemory<byte> Bytes => _bytes;

    /// <summary>Of its key; -1: it has none, and any node of a cluster will do.</summary>
    public int Slot { get; }

    public static RespCommand Ping { get; } = Of("PING");

    public static RespCommand Asking { get; } = Of("ASKING");

    /// <summary>One without a key.</summary>
    public static RespCommand Of(params ReadOnlySpan<RespArgument> parts) => new(parts, -1);

    /// <summary>One with a key, or several of one slot.</summary>
    /// <param name="key">Any of them.</param>
    /// <param name="parts">All of it, the name first and the keys where they belong.</param>
    public static RespCommand For(string key, params ReadOnlySpan<RespArgument> parts) =>
        new(parts, KeySlot.Of(Encoding.UTF8.GetBytes(key)));

    /// <summary>It goes to this server.</summary>
    public void Stamp(RespServer server)
    {
        if (_runIdAt != 0)
        {
            Encoding.ASCII.GetBytes(server.RunId, _bytes.AsSpan(_runIdAt));
        }
    }

    private static byte[] Encode(ReadOnlySpan<RespArgument> parts, out int runIdAt)
    {
        runIdAt = 0;
        var size = 1 + Digits(parts.Length) + 2;
        foreach (var part in parts)
        {
            var length = part.Length;
            size += 1 + Digits(length) + 2 + length + 2;
        }

        var bytes = new byte[size];
        var at = Head(bytes, (byte)'*', parts.Length);
        foreach (var part in parts)
        {
            var length = part.Length;
            at += Head(bytes.AsSpan(at), (byte)'$', length);
            part.CopyTo(bytes.AsSpan(at, length));
            runIdAt = part.IsRunId ? at : runIdAt;
            at += length;
            "\r\n"u8.CopyTo(bytes.AsSpan(at));
            at += 2;
        }

        return bytes;
    }

    private static int Head(Span<byte> target, byte type, int number)
    {
        target[0] = type;
        Utf8Formatter.TryFormat(number, target[1..], out var written);
        "\r\n"u8.CopyTo(target[(1 + written)..]);
        return written + 3;
    }

    private static int Digits(int number)
    {
        var digits = 1;
        while (number >= 10)
        {
            number /= 10;
            digits++;
        }

        return digits;
    }
}
