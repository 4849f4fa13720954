using System.Text;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Tests.WebSockets.Messages;

public sealed class Utf8StreamTests
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    [Fact]
    public void Advance_EveryTwoAndThreeBytes_AsAStrictDecoder()
    {
        // The first byte and the second decide everything; a third that is a continuation, and one that is not.
        var text = new byte[4];
        for (var pair = 0; pair <= 0xFFFF; pair++)
        {
            (text[0], text[1]) = ((byte)(pair >> 8), (byte)pair);
            foreach (var (third, fourth) in new (byte, byte)[] { (0x41, 0x41), (0x80, 0x41), (0xBF, 0x80), (0xC3, 0xA9) })
            {
                (text[2], text[3]) = (third, fourth);
                var valid = System.Text.Unicode.Utf8.IsValid(text);
                if (Validate(text, 4) != valid || Validate(text, 1) != valid || Validate(text, 3) != valid)
                {
                    Assert.Fail($"{Convert.ToHexString(text)} should be {valid}");
                }
            }
        }
    }

    [Fact]
    public void Advance_RandomTextAndDamage_AnyCuts()
    {
        var random = new Random(3629);
        for (var round = 0; round < 3_000; round++)
        {
            var text = string.Concat(
                Enumerable
                    .Range(0, random.Next(60))
                    .Select(_ =>
                        char.ConvertFromUtf32(
                            random.Next(5) switch
                            {
                                0 => random.Next(0x10000, 0x10FFFF),
                                1 => random.Next(0x800, 0xD7FF),
                                2 => random.Next(0x80, 0x7FF),
                                _ => random.Next(0x80),
                            }
                        )
                    )
            );
            var data = Encoding.UTF8.GetBytes(text);
            if (data.Length > 0 && random.Next(2) == 0)
            {
                data[random.Next(data.Length)] = (byte)random.Next(256);
            }

            var valid = IsValid(data);
            Validate(data, int.MaxValue).ShouldBe(valid);
            Validate(data, random.Next(1, 12)).ShouldBe(valid);
        }
    }

    // What cannot become UTF-8 any more is found at once, not at the end of the message.
    [Theory]
    [InlineData("c0")]
    [InlineData("f5")]
    [InlineData("80")]
    [InlineData("e080")]
    [InlineData("eda0")]
    [InlineData("f080")]
    [InlineData("f490")]
    [InlineData("4142c328")]
    public void Advance_CannotBecomeValid_IsFalseAtOnce(string hex)
    {
        default(Utf8Stream).Advance(Convert.FromHexString(hex)).ShouldBeFalse();
        Validate(Convert.FromHexString(hex), 1).ShouldBeFalse();
    }

    [Fact]
    public void IsComplete_OnlyBetweenCharacters()
    {
        var stream = default(Utf8Stream);
        foreach (var (value, complete) in new (byte, bool)[] { (0x41, true), (0xF0, false), (0x9F, false), (0x98, false), (0x80, true) })
        {
            stream.Advance([value]).ShouldBeTrue();
            stream.IsComplete.ShouldBe(complete);
        }
    }

    private static bool Validate(byte[] data, int step)
    {
        var stream = default(Utf8Stream);
        for (var at = 0; at < data.Length; )
        {
            var take = Math.Min(step, data.Length - at);
            if (!stream.Advance(data.AsSpan(at, take)))
            {
                return false;
            }

            at += take;
        }

        return stream.IsComplete;
    }

    private static bool IsValid(byte[] data)
    {
        try
        {
            Strict.GetCharCount(data);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}
