using System.Text;
using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Tests.WebSockets.Messages;

/// <summary>What a client sends, and what a reader makes of it, as text.</summary>
internal static class ClientFrames
{
    public static byte[] Frame(byte first, ReadOnlySpan<byte> payload, uint key = 0x12F4A695)
    {
        var frame = new byte[FrameHeader.MaxSize + payload.Length];
        var size = FrameHeader.Write(frame, first, payload.Length, key);
        payload.CopyTo(frame.AsSpan(size));
        FrameMask.Apply(frame.AsSpan(size, payload.Length), key);
        return frame[..(size + payload.Length)];
    }

    public static byte[] Text(byte first, string text) => Frame(first, Encoding.UTF8.GetBytes(text));

    /// <summary>Masks frames that are given as a server would send them, in hex.</summary>
    public static byte[] Masked(string hex)
    {
        var data = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        var all = new List<byte>();
        while (FrameHeader.TryRead(data, out var header))
        {
            all.AddRange(Frame(header.First, data.AsSpan(header.Size, (int)header.PayloadLength)));
            data = data[(header.Size + (int)header.PayloadLength)..];
        }

        data.ShouldBeEmpty();
        return [.. all];
    }

    /// <summary>Reads the data in steps: <c>text:Hello</c>, <c>binary:00ff</c>, <c>ping:..</c>, <c>pong:..</c>, <c>close:1000 bye</c>, <c>error:1002 why</c>.</summary>
    public static List<string> Read(byte[] data, int step = int.MaxValue, MessageLimits? limits = null, DeflateAgreement? deflate = null)
    {
        using var reader = new MessageReader();
        var state = new MessageState(deflate);
        var found = Read(reader, ref state, data, step, limits);
        if (!state.IsUnderWay)
        {
            reader.Buffers.ShouldBe(0);
        }

        reader.Release(ref state);
        reader.BufferedBytes.ShouldBe(0);
        reader.Contexts.ShouldBe(0);
        return found;
    }

    public static List<string> Read(MessageReader reader, ref MessageState state, byte[] data, int step, MessageLimits? limits)
    {
        limits ??= new MessageLimits();
        var copy = data.ToArray();
        var events = new List<string>();
        for (var at = 0; at < copy.Length; )
        {
            var take = Math.Min(step, copy.Length - at);
            var chunk = copy.AsSpan(at, take);
            while (reader.TryRead(ref state, ref chunk, limits, out var found))
            {
                events.Add(Describe(found));
            }

            chunk.Length.ShouldBe(0);
            at += take;
        }

        return events;
    }

    private static string Describe(in MessageEvent found) =>
        found.Kind switch
        {
            MessageEventKind.Message when found.Opcode == Opcode.Text => "text:" + Encoding.UTF8.GetString(found.Payload),
            MessageEventKind.Message => "binary:" + Convert.ToHexStringLower(found.Payload),
            MessageEventKind.Ping => "ping:" + Convert.ToHexStringLower(found.Payload),
            MessageEventKind.Pong => "pong:" + Convert.ToHexStringLower(found.Payload),
            MessageEventKind.Close => $"close:{found.CloseCode} {Encoding.UTF8.GetString(found.Payload)}",
            MessageEventKind.Error => $"error:{found.Error!.Code} {found.Error.Reason}",
            _ => "nothing",
        };
}
