using System.Security.Cryptography;
using System.Text;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Tests.Transport.Tls;

/// <summary>When a revocation list expires, by what it says itself.</summary>
public sealed class RevocationListTests : IDisposable
{
    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public void NextUpdate_InTheYear0_IsOver()
    {
        Write("00000101000000Z");

        var list = PemFiles.ReadRevocations(_authority.CrlFile, before: null);

        list.NextUpdate.ShouldBe(DateTimeOffset.MinValue);
        list.IsExpired(DateTimeOffset.UtcNow).ShouldBeTrue();
    }

    [Fact]
    public void NextUpdate_FarAway_IsAsItSays()
    {
        Write("99991231235959Z");

        PemFiles
            .ReadRevocations(_authority.CrlFile, before: null)
            .NextUpdate.ShouldBe(new DateTimeOffset(9999, 12, 31, 23, 59, 59, TimeSpan.Zero));
    }

    [Fact]
    public void NextUpdate_ThatIsNoTime_IsAnErrorAndNotTheEndOfTime()
    {
        Write("2099x101000000Z");

        Should
            .Throw<OpenSslException>(() => PemFiles.ReadRevocations(_authority.CrlFile, before: null))
            .Message.ShouldBe($"{_authority.CrlFile}: revocation list 1 does not say when it expires");
    }

    /// <summary>A list that was signed with another time: reading does not ask for the signature.</summary>
    private void Write(string time)
    {
        _authority.Revoke(new DateTimeOffset(2099, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var text = File.ReadAllText(_authority.CrlFile);
        var list = Convert.FromBase64String(text[PemEncoding.Find(text).Base64Data]);
        var at = list.AsSpan().IndexOf("20990101000000Z"u8);
        at.ShouldBeGreaterThan(0);
        Encoding.ASCII.GetBytes(time).CopyTo(list, at);
        File.WriteAllText(_authority.CrlFile, PemEncoding.WriteString("X509 CRL", list));
    }
}
