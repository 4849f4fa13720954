using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Tests.Hub;

public sealed class PublicationFrameTests
{
    private static readonly string[] Channels = ["own:1", "a", "ü", "with \"quotes\"", "news:" + new string('x', 250)];
    private static readonly string[] Users = ["", "anna", "łucja", "\"", "tab\t", "<b>&'"];
    private static readonly string[] Json = ["1", "{\"a\":[1,2,{}]}", "\"text\"", "{\n}", "[\"ü\"]", "null"];
    private static readonly string[] Anything = [.. Json, "", "no JSON", "{\"a\":", "\"\ud800"];

    [Fact]
    public void PushFrame_AnyPublication_IsWhatTheSlowWayWrites() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(3000),
            Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new Random(seed);
                    var payload = Payload(random);
                    for (var mutations = random.Next(3); mutations > 0 && random.Next(3) == 0; mutations--)
                    {
                        payload[random.Next(payload.Length)] = (byte)random.Next(256);
                    }

                    var channel = Pick(random, Channels);
                    var offset = random.Next(3) == 0 ? 0 : (ulong)random.NextInt64();
                    if (HubCodec.Json.PushFrame(channel, offset, payload) is { } frame)
                    {
                        PublicationParts.TryDecode(payload, offset, out var parts).ShouldBeTrue();
                        HubCodec.Json.CanCarry(parts.Data.Span).ShouldBeTrue();
                        frame.ShouldBe(HubCodec.Json.Framed(HubCodec.Json.PushPublication(channel, parts, asText: false)));
                    }
                }
            )
        );

    [Theory]
    [InlineData(10)]
    [InlineData(200)]
    [InlineData(70_000)]
    public void PushFrame_PlainPublication_IsMadeStraight(int length)
    {
        var data = Encoding.UTF8.GetBytes($"\"{new string('x', length)}\"");
        var payload = PublicationParts.Encode(data, "anna", Guid.NewGuid(), "{}"u8, default, 1_700_000_000_000);

        var frame = HubCodec.Json.PushFrame("own:1", 7, payload);

        PublicationParts.TryDecode(payload, 7, out var parts).ShouldBeTrue();
        frame.ShouldBe(HubCodec.Json.Framed(HubCodec.Json.PushPublication("own:1", parts, asText: false)));
    }

    [Fact]
    public void PushFrame_TagsOrNoJson_IsLeftToTheSlowWay()
    {
        HubCodec.Json.PushFrame("a", 1, PublicationParts.Encode("1"u8, null, [new("k", "v")], 0)).ShouldBeNull();
        HubCodec.Json.PushFrame("a", 1, PublicationParts.Encode("x"u8, null, null, 0)).ShouldBeNull();
        HubCodec.Protobuf.PushFrame("a", 1, PublicationParts.Encode("1"u8, null, null, 0)).ShouldBeNull();
    }

    [Fact]
    public void Encode_OfAClient_IsTheSameAsOfItsInfo() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(500),
            Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new Random(seed);
                    var (user, client) = (Pick(random, Users), Guid.NewGuid());
                    var (data, conn, chan) = (Bytes(random, 1), Bytes(random, 0), Bytes(random, 0));
                    var time = random.NextInt64(3);

                    var encoded = PublicationParts.Encode(data, user, client, conn, chan, time);

                    encoded.ShouldBe(PublicationParts.Encode(data, new ClientInfo(user, client.ToString(), conn, chan), null, time));
                }
            )
        );

    [Theory]
    [InlineData(1, "publish", "{\"id\":1,\"publish\":{}}")]
    [InlineData(uint.MaxValue, "unsubscribe", "{\"id\":4294967295,\"unsubscribe\":{}}")]
    public void EmptyFrame_IsTheReplyInAFrame(uint id, string method, string text)
    {
        var frame = HubCodec.Json.EmptyFrame(id, Enum.Parse<HubMethod>(method, ignoreCase: true));

        Encoding.UTF8.GetString(frame.AsSpan(2)).ShouldBe(text);
        (frame[0], frame[1]).ShouldBe(((byte)0x81, (byte)text.Length));
    }

    private static byte[] Payload(Random random)
    {
        var info =
            random.Next(4) == 0
                ? null
                : new ClientInfo(Pick(random, Users), Pick(random, Users), Utf8(random, [.. Json, ""]), Utf8(random, [.. Json, ""]));
        KeyValuePair<string, string>[]? tags = random.Next(8) == 0 ? [new("k", "v")] : null;
        return PublicationParts.Encode(
            Utf8(random, random.Next(4) == 0 ? Anything : Json).Span,
            info,
            tags,
            random.NextInt64(1, long.MaxValue)
        );
    }

    private static ReadOnlyMemory<byte> Utf8(Random random, string[] of) => Encoding.UTF8.GetBytes(Pick(random, of));

    private static byte[] Bytes(Random random, int least)
    {
        var bytes = new byte[random.Next(3) == 0 ? random.Next(least, 20_000) : random.Next(least, 200)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static T Pick<T>(Random random, T[] of) => of[random.Next(of.Length)];
}
