using System.Text;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Tests.Transport.Tls;

public sealed class ServerNameMapTests
{
    private static readonly (string, string)[] Entries =
    [
        ("a.example.com", "exact"),
        ("*.example.com", "wild"),
        ("*.deep.example.com", "deep"),
        ("A.example.com", "second"),
        ("localhost", "local"),
    ];

    [Theory]
    [InlineData("a.example.com", "exact", "exact")]
    [InlineData("A.EXAMPLE.com", "exact", "exact")]
    [InlineData("a.example.com.", "exact", "exact")]
    [InlineData("b.example.com", "wild", "wild")]
    [InlineData("x.deep.example.com", "deep", "deep")]
    [InlineData("deep.example.com", "wild", "wild")]
    [InlineData("x.y.deep.example.com", null, "deep")]
    [InlineData("x.y.example.com", null, "wild")]
    [InlineData("example.com", null, null)]
    [InlineData(".example.com", null, null)]
    [InlineData("*.example.com", "wild", "wild")]
    [InlineData("localhost", "local", "local")]
    [InlineData("com", null, null)]
    [InlineData(".", null, null)]
    [InlineData("", null, null)]
    public void Find_Name_TakesExactThenWildcard(string name, string? oneLabel, string? manyLabels)
    {
        new ServerNameMap<string>(Entries, manyLabels: false).Find(Encoding.ASCII.GetBytes(name)).ShouldBe(oneLabel);
        new ServerNameMap<string>(Entries, manyLabels: true).Find(Encoding.ASCII.GetBytes(name)).ShouldBe(manyLabels);
    }

    [Fact]
    public void Find_LongestName_FitsAndLongerIsNone()
    {
        var name = new string('a', ClientHello.MaxNameBytes);
        var map = new ServerNameMap<string>([(name, "long")], manyLabels: true);
        map.Find(Encoding.ASCII.GetBytes(name)).ShouldBe("long");
        map.Find(Encoding.ASCII.GetBytes(name + "a")).ShouldBeNull();
    }
}
