using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Hub.Resp;

namespace Mooring.Gateway.Tests.Hub.Resp;

public sealed class RespReaderTests
{
    [Theory]
    [InlineData("+OK\r\n", "Simple:OK")]
    [InlineData("+\r\n", "Simple:")]
    [InlineData("-ERR no\r\n", "Error:ERR no")]
    [InlineData(":-42\r\n", "Integer:-42")]
    [InlineData(":+7\r\n", "Integer:7")]
    [InlineData(":9223372036854775807\r\n", "Integer:9223372036854775807")]
    [InlineData("$5\r\na\r\nbc\r\n", "Bulk:a\r\nbc")]
    [InlineData("$0\r\n\r\n", "Bulk:")]
    [InlineData("$-1\r\n", "Null:")]
    [InlineData("*-1\r\n", "Null:")]
    [InlineData("_\r\n", "Null:")]
    [InlineData("*0\r\n", "Array[]")]
    [InlineData("*2\r\n:1\r\n*2\r\n$1\r\na\r\n_\r\n", "Array[Integer:1, Array[Bulk:a, Null:]]")]
    [InlineData("#t\r\n", "Boolean:1")]
    [InlineData("#f\r\n", "Boolean:0")]
    [InlineData(",1.5\r\n", "Double:1.5")]
    [InlineData(",-inf\r\n", "Double:-Infinity")]
    [InlineData(",nan\r\n", "Double:NaN")]
    [InlineData("(3492890328409238509324850943850943825024385\r\n", "BigNumber:3492890328409238509324850943850943825024385")]
    [InlineData("!9\r\nSYNTAX no\r\n", "Error:SYNTAX no")]
    [InlineData("=7\r\ntxt:abc\r\n", "Bulk:abc")]
    [InlineData("%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n", "Map[Simple:a, Integer:1, Simple:b, Integer:2]")]
    [InlineData("~2\r\n+a\r\n+b\r\n", "Set[Simple:a, Simple:b]")]
    [InlineData(">3\r\n+message\r\n+c\r\n+x\r\n", "Push[Simple:message, Simple:c, Simple:x]")]
    [InlineData("|1\r\n+ttl\r\n:3\r\n:5\r\n", "Integer:5")]
    [InlineData("|0\r\n:5\r\n", "Integer:5")]
    [InlineData("*2\r\n:1\r\n|1\r\n+ttl\r\n*1\r\n:3\r\n:5\r\n", "Array[Integer:1, Integer:5]")]
    public void Read_AKind_InAnySplit(string text, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        for (var split = 0; split <= bytes.Length; split++)
        {
            Parse(bytes, [split]).ShouldBe([expected]);
        }

        Parse(bytes, Enumerable.Range(0, bytes.Length)).ShouldBe([expected]);
    }

    [Theory]
    [InlineData("x\r\n", 0, "'x' begins no value")]
    [InlineData("\0\r\n", 0, "0x00 begins no value")]
    [InlineData("\r\n", 0, "a line must be")]
    [InlineData("+a\n", 0, "a line must be")]
    [InlineData("+a\rb\r\n", 0, "a line must be")]
    [InlineData("+OK\r\n:1x\r\n", 5, "'1x' is no whole number")]
    [InlineData(":\r\n", 0, "'' is no whole number")]
    [InlineData(":9223372036854775808\r\n", 0, "no whole number of 64 bits")]
    [InlineData("#x\r\n", 0, "'#' begins no value")]
    [InlineData(",one\r\n", 0, "'one' is no number")]
    [InlineData("$-2\r\n", 0, "a text of -2 bytes")]
    [InlineData("$?\r\n", 0, "'?' is no whole number")]
    [InlineData("$100000\r\n", 0, "a text of 100000 bytes; at most 65536")]
    [InlineData("$1\r\nabc", 4, "no CR and LF")]
    [InlineData("=2\r\nab\r\n", 4, "verbatim")]
    [InlineData("*-2\r\n", 0, "a list of -2 items")]
    [InlineData("*100000\r\n", 0, "a list of 100000 items; at most 2730")]
    [InlineData("%9223372036854775807\r\n", 0, "a list of 9223372036854775807 items")]
    [InlineData("*1\r\n>1\r\n", 4, "a push within")]
    [InlineData("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", 16, "deeper than 4")]
    public void Read_NotRespOrTooMuch_SaysWhere(string text, int offset, string message)
    {
        var reader = new RespReader(Small);
        var bytes = Encoding.UTF8.GetBytes(text);
        var error = Should.Throw<RespProtocolException>(() =>
        {
            for (var at = 0; at < bytes.Length; )
            {
                at += reader.Read(bytes.AsSpan(at, Math.Min(bytes.Length - at, LineFrom(bytes, at))), out _, out _);
            }
        });
        error.Message.ShouldContain(message);
        error.Offset.ShouldBe(offset);
    }

    [Fact]
    public void Read_LinesAndRepliesBeyondTheLimit_AreRefusedBeforeTheyFillMemory()
    {
        Should.Throw<RespProtocolException>(() => Parse([(byte)'+', .. new byte[300]], [])).Message.ShouldContain("longer than 256");
        // Many values, none of them large.
        var many = Encoding.ASCII.GetBytes("*2700\r\n" + string.Concat(Enumerable.Repeat("$10\r\n0123456789\r\n", 2700)));
        Should.Throw<RespProtocolException>(() => Parse(many, [])).Message.ShouldContain("takes more than 65536");
        // Promises of many lists within lists, and nothing else.
        var before = GC.GetAllocatedBytesForCurrentThread();
        Parse(Encoding.ASCII.GetBytes("*2000\r\n*2000\r\n*2000\r\n*2000\r\n"), []).ShouldBeEmpty();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(64 * 1024);
    }

    [Fact]
    public void Read_AnyValues_InAnyPieces_AreTheSame() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(300),
            Prop.ForAll(
                Value(3).NonEmptyListOf().ToArbitrary(),
                Gen.Choose(1, 40).ListOf().ToArbitrary(),
                (values, pieces) =>
                {
                    var bytes = Encoding.UTF8.GetBytes(string.Concat(values.Select(value => value.Wire)));
                    var splits = pieces.Aggregate(new List<int> { 0 }, (at, piece) => [.. at, at[^1] + piece]);
                    Parse(bytes, splits, RespLimits.Default).ShouldBe(values.Select(value => value.Shown));
                }
            )
        );

    [Fact]
    public void Read_AnyBytes_AreValuesOrAnError() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(3000),
            Prop.ForAll(
                Gen.OneOf(
                        Gen.Choose(0, 255).Select(one => (byte)one),
                        Gen.Elements("+-:$*_#,(!=%~>|\r\n0123456789"u8.ToArray()),
                        Gen.Elements("*1\r\n$"u8.ToArray())
                    )
                    .ArrayOf()
                    .ToArbitrary(),
                bytes =>
                {
                    try
                    {
                        Parse(bytes, [bytes.Length / 2]);
                    }
                    catch (RespProtocolException e)
                    {
                        e.Offset.ShouldBeInRange(0, bytes.Length);
                    }
                }
            )
        );

    [Fact]
    public void Accessors_OfAnotherKind_Throw()
    {
        Should.Throw<RespShapeException>(() => RespValue.OfInteger(1).Items.Length);
        Should.Throw<RespShapeException>(() => RespValue.OfInteger(1).Bytes);
        Should.Throw<RespShapeException>(() => RespValue.OfBytes(RespKind.Bulk, "x"u8.ToArray()).Integer);
        RespValue.OfBytes(RespKind.Bulk, "12"u8.ToArray()).Integer.ShouldBe(12);
        RespValue.Null.Items.Length.ShouldBe(0);
        RespValue.Null.Text.ShouldBeNull();
    }

    private static readonly RespLimits Small = new()
    {
        MaxReply = 64 * 1024,
        MaxLine = 256,
        MaxDepth = 4,
    };

    private static int LineFrom(byte[] bytes, int at)
    {
        var feed = Array.IndexOf(bytes, (byte)'\n', at);
        return feed < 0 ? bytes.Length - at : feed + 1 - at;
    }

    private static List<string> Parse(byte[] bytes, IEnumerable<int> splits, RespLimits? limits = null)
    {
        var reader = new RespReader(limits ?? Small);
        var values = new List<string>();
        var at = 0;
        foreach (var end in splits.Where(split => split < bytes.Length).Append(bytes.Length))
        {
            while (at < end)
            {
                at += reader.Read(bytes.AsSpan(at, end - at), out var value, out var isWhole);
                if (isWhole)
                {
                    values.Add(value.ToString());
                }
            }
        }

        return values;
    }

    private static Gen<(string Wire, string Shown)> Value(int depth)
    {
        var text = Gen.Elements("a", "\r\n", "é", "$3\r\n", "").ListOf().Select(string.Concat);
        var leaf = Gen.OneOf(
            text.Select(t => ($"${Encoding.UTF8.GetByteCount(t)}\r\n{t}\r\n", $"Bulk:{t}")),
            Gen.Choose(-1000, 1000).Select(n => ($":{n}\r\n", $"Integer:{n}")),
            Gen.Constant(("_\r\n", "Null:")),
            Gen.Constant(("|1\r\n+k\r\n*1\r\n:1\r\n#t\r\n", "Boolean:1"))
        );
        if (depth == 0)
        {
            return leaf;
        }

        var inner = Value(depth - 1).ListOf();
        return Gen.OneOf(
            leaf,
            inner.Select(items =>
                ($"*{items.Count}\r\n{string.Concat(items.Select(i => i.Wire))}", $"Array[{string.Join(", ", items.Select(i => i.Shown))}]")
            )
        );
    }
}
