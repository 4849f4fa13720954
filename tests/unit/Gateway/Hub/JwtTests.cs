using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Mooring.Gateway.Hub.Authentication;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub;

public sealed class JwtTests
{
    private const long Now = 1_000_000;
    private static readonly byte[] Secret = Encoding.UTF8.GetBytes("sixteen bytes and more");
    private static readonly JwtRules Rules = new("me", "you", TimeSpan.FromSeconds(10));
    private static readonly RSA Rsa = RSA.Create(2048);
    private static readonly ECDsa Ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    [Theory]
    [InlineData("", JwtOutcome.Valid)]
    [InlineData(",\"exp\":1000005", JwtOutcome.Valid)]
    [InlineData(",\"exp\":999995", JwtOutcome.Valid)] // inside the leeway
    [InlineData(",\"exp\":999990", JwtOutcome.Expired)]
    [InlineData(",\"exp\":\"soon\"", JwtOutcome.Invalid)]
    [InlineData(",\"exp\":1e300", JwtOutcome.Valid)]
    [InlineData(",\"nbf\":1000010", JwtOutcome.Valid)]
    [InlineData(",\"nbf\":1000011", JwtOutcome.Invalid)]
    [InlineData(",\"iss\":\"other\"", JwtOutcome.Invalid)]
    [InlineData(",\"aud\":\"other\"", JwtOutcome.Invalid)]
    [InlineData(",\"aud\":[\"other\",\"you\"]", JwtOutcome.Valid)]
    [InlineData(",\"aud\":[1]", JwtOutcome.Invalid)]
    [InlineData(",\"channels\":[1]", JwtOutcome.Invalid)]
    [InlineData(",\"b64info\":\"?\"", JwtOutcome.Invalid)]
    public void Claims_AreChecked(string more, object outcome) =>
        Verify(Hmac($"{{\"sub\":\"u\",\"iss\":\"me\",\"aud\":\"you\"{more}}}")).Outcome.ShouldBe((JwtOutcome)outcome);

    [Theory]
    [InlineData("{\"alg\":\"none\"}")]
    [InlineData("{\"alg\":\"HS256\",\"crit\":[\"x\"]}")]
    [InlineData("{\"alg\":\"hs256\"}")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"alg\":1}")]
    public void Header_Strange_IsInvalid(string header) =>
        Verify(Hmac("{\"sub\":\"u\",\"iss\":\"me\",\"aud\":\"you\"}", header)).Outcome.ShouldBe(JwtOutcome.Invalid);

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("a.b")]
    [InlineData("a.b.c")]
    [InlineData("a.b.c.d")]
    [InlineData("....")]
    [InlineData("e30.e30.")]
    [InlineData("e30 .e30.e30")]
    public void Token_Malformed_IsInvalid(string token) => Verify(token).Outcome.ShouldBe(JwtOutcome.Invalid);

    [Fact]
    public void Signature_AnyBitChanged_IsInvalid()
    {
        var token = Hmac("{\"sub\":\"u\",\"iss\":\"me\",\"aud\":\"you\"}");
        var dot = token.LastIndexOf('.');
        for (var i = dot + 1; i < token.Length - 1; i++)
        {
            var other = token[i] == 'A' ? 'B' : 'A';
            Verify($"{token[..i]}{other}{token[(i + 1)..]}").Outcome.ShouldBeOneOf(JwtOutcome.Invalid, JwtOutcome.UnknownKey);
        }
    }

    [Fact]
    public void PublicKey_UsedAsSecret_IsNotTaken()
    {
        // The classic confusion: an attacker signs by HMAC with the public key, which everybody knows.
        var keys = JwtKeyReader.ReadPem(Rsa.ExportSubjectPublicKeyInfoPem());
        var token = Hmac("{\"sub\":\"u\"}", secret: Encoding.ASCII.GetBytes(Rsa.ExportSubjectPublicKeyInfoPem()));

        JwtVerifier.Verify(token, keys, Rules, Now).Outcome.ShouldNotBe(JwtOutcome.Valid);
    }

    [Fact]
    public void Keys_OfPemAndSets_VerifyWhatTheyHaveSigned()
    {
        var pem = JwtKeyReader.ReadPem(Rsa.ExportSubjectPublicKeyInfoPem() + "\n" + Ec.ExportSubjectPublicKeyInfoPem());
        var rsa = Rsa.ExportParameters(false);
        var set = JwtKeyReader.ReadSet(
            Encoding.UTF8.GetBytes(
                $$"""
                {"keys":[{"kty":"RSA","kid":"r","n":"{{Base64Url.EncodeToString(rsa.Modulus)}}","e":"{{Base64Url.EncodeToString(
                    rsa.Exponent
                )}}"},
                         {"kty":"RSA","kid":"weak","n":"AQAB","e":"AQAB"},{"kty":"new"},{"kty":"EC","use":"enc"}]}
                """
            )
        );
        set.Count.ShouldBe(1);
        const string Claims = "{\"sub\":\"u\",\"iss\":\"me\",\"aud\":\"you\"}";
        foreach (
            var (algorithm, padding, hash) in new[]
            {
                ("RS256", RSASignaturePadding.Pkcs1, HashAlgorithmName.SHA256),
                ("RS512", RSASignaturePadding.Pkcs1, HashAlgorithmName.SHA512),
                ("PS384", RSASignaturePadding.Pss, HashAlgorithmName.SHA384),
            }
        )
        {
            var token = Sign($"{{\"alg\":\"{algorithm}\",\"kid\":\"r\"}}", Claims, data => Rsa.SignData(data, hash, padding));
            JwtVerifier.Verify(token, pem, Rules, Now).Outcome.ShouldBe(JwtOutcome.Valid, algorithm);
            JwtVerifier.Verify(token, set, Rules, Now).Outcome.ShouldBe(JwtOutcome.Valid, algorithm);
        }

        var ec = Sign("{\"alg\":\"ES256\"}", Claims, data => Ec.SignData(data, HashAlgorithmName.SHA256));
        JwtVerifier.Verify(ec, pem, Rules, Now).Outcome.ShouldBe(JwtOutcome.Valid);
        JwtVerifier.Verify(ec, set, Rules, Now).Outcome.ShouldBe(JwtOutcome.UnknownKey);
        Should.Throw<FormatException>(() => JwtKeyReader.ReadPem(Ec.ExportPkcs8PrivateKeyPem()));
        Should.Throw<FormatException>(() => JwtKeyReader.ReadPem(""));
        Should.Throw<FormatException>(() => JwtKeyReader.ReadSet("{}"u8.ToArray()));
        Should.Throw<FormatException>(() => JwtKeyReader.ReadSecret("short\n"u8.ToArray()));
    }

    [Fact]
    public void EdDsaToken_OfPemAndSets_IsVerified()
    {
        // Signed by openssl with the key of RFC 8032 section 7.1, test 3, for {"sub":"u","iss":"me","aud":"you"}; Ed25519 signs one thing in one way.
        const string Signed = "eyJhbGciOiJFZERTQSIsImtpZCI6ImUifQ.eyJzdWIiOiJ1IiwiaXNzIjoibWUiLCJhdWQiOiJ5b3UifQ";
        const string Signature = "SwS_HAAUugZfKcf-6EeC-dnI5a3T4b_RRr90QJpAdRQrPnej2BRjjI_htevxgyF0SBrZesZIJpr3XIBNnv3oAg";
        var pem = JwtKeyReader.ReadPem(
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=\n-----END PUBLIC KEY-----\n"
        );
        var set = JwtKeyReader.ReadSet(
            """{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"e","x":"_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU"}]}"""u8.ToArray()
        );
        foreach (var keys in new[] { pem, set })
        {
            JwtVerifier.Verify($"{Signed}.{Signature}", keys, Rules, Now).Outcome.ShouldBe(JwtOutcome.Valid);
            JwtVerifier.Verify($"{Signed}.T{Signature[1..]}", keys, Rules, Now).Outcome.ShouldNotBe(JwtOutcome.Valid);
            JwtVerifier
                .Verify($"{Signed.Replace("J1Ii", "J2Ii", StringComparison.Ordinal)}.{Signature}", keys, Rules, Now)
                .Outcome.ShouldNotBe(JwtOutcome.Valid);
        }
    }

    [Fact]
    public void Ed25519_VectorOfRfc8032_IsGood()
    {
        // Section 7.1, test 3.
        var key = Convert.FromHexString("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
        var signature = Convert.FromHexString(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        );
        Ed25519.Verify(key, [0xAF, 0x82], signature).ShouldBeTrue();
        Ed25519.Verify(key, [0xAF, 0x83], signature).ShouldBeFalse();
        Ed25519.Verify(key, [0xAF, 0x82], signature.AsSpan(1)).ShouldBeFalse();
        Ed25519.Verify(new byte[5], [0xAF, 0x82], signature).ShouldBeFalse();
    }

    [Fact]
    public void User_OfMoreThan255Bytes_IsInvalid()
    {
        Verify(Hmac($"{{\"sub\":\"{new string('u', 255)}\",\"iss\":\"me\",\"aud\":\"you\"}}")).Outcome.ShouldBe(JwtOutcome.Valid);
        Verify(Hmac($"{{\"sub\":\"{new string('u', 254)}é\",\"iss\":\"me\",\"aud\":\"you\"}}")).Outcome.ShouldBe(JwtOutcome.Invalid);
    }

    [Fact]
    public async Task Cache_StrangersTokens_DoNotMakeItAskMoreOften()
    {
        var time = new ManualTime();
        var asked = 0;
        var cache = new JwksCache(
            _ =>
            {
                Interlocked.Increment(ref asked);
                return Task.FromResult<ReadOnlyMemory<byte>>(
                    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2l4dGVlbiBieXRlcyBhbmQgbW9yZQ\"}]}"u8.ToArray()
                );
            },
            time
        );
        (await cache.NewerAsync(cache.Refresh())).ShouldBeTrue();
        for (var i = 0; i < 100; i++)
        {
            (await cache.NewerAsync(cache.Refresh())).ShouldBeTrue();
        }

        asked.ShouldBe(1);
        cache.Keys.Count.ShouldBe(1);
        time.Advance(TimeSpan.FromSeconds(11));
        (await cache.NewerAsync(cache.Refresh())).ShouldBeTrue();
        asked.ShouldBe(2);
    }

    private static JwtResult Verify(string token) => JwtVerifier.Verify(token, [new HmacKey(Secret)], Rules, Now);

    private static string Hmac(string claims, string header = "{\"alg\":\"HS256\"}", byte[]? secret = null) =>
        Sign(header, claims, data => HMACSHA256.HashData(secret ?? Secret, data));

    private static string Sign(string header, string claims, Func<byte[], byte[]> sign)
    {
        var signed =
            $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}";
        return $"{signed}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(signed)))}";
    }
}
